// Declaring flags: each knows how its text becomes a value, and what to say it expected.
#include "tools/flags/FlagSet.h"

#include "runtime/support/Text.h"
#include "tools/flags/FlagValues.h"

#include <algorithm>

namespace ftc::cli {

using rt::Status;

FlagSet::FlagSet(std::string command, std::string usage, std::string summary)
    : title(std::move(command)), usage(std::move(usage)), summary(std::move(summary)) {
  groups.emplace_back("General");
  text("config", configFile, "FILE", "flags by name from a YAML or JSON file; flags win");
}

void FlagSet::group(std::string name) { groups.push_back(std::move(name)); }

FlagSet::Flag &FlagSet::add(std::string name, Kind kind, std::string help) {
  Flag &flag = flags.emplace_back();
  flag.name = std::move(name);
  flag.kind = kind;
  flag.help = std::move(help);
  flag.group = groups.size() - 1;
  return flag;
}

void FlagSet::boolean(std::string name, bool &out, std::string help) {
  Flag &flag = add(std::move(name), Kind::Boolean, std::move(help));
  flag.defaultText = out ? "true" : "false";
  flag.expected = "true or false";
  flag.assign = [&out](std::string_view text) {
    std::optional<bool> value = parseBoolean(text);
    out = value.value_or(out);
    return value.has_value();
  };
}

void FlagSet::boolean(std::string name, std::optional<bool> &out, std::string help) {
  Flag &flag = add(std::move(name), Kind::Boolean, std::move(help));
  flag.expected = "true or false";
  flag.assign = [&out](std::string_view text) {
    std::optional<bool> value = parseBoolean(text);
    if (value)
      out = value;
    return value.has_value();
  };
}

void FlagSet::integer(std::string name, std::int64_t &out, IntegerRange range,
                      std::string help) {
  std::string shown = std::to_string(out);
  Flag &flag = add(std::move(name), Kind::Value, std::move(help));
  flag.placeholder = "N";
  flag.defaultText = shown;
  flag.expected = describe(range);
  flag.assign = [&out, range](std::string_view text) {
    std::optional<std::int64_t> value = parseInteger(text);
    if (!value || *value < range.least || *value > range.most)
      return false;
    out = *value;
    return true;
  };
}

void FlagSet::integer(std::string name, std::optional<std::int64_t> &out, IntegerRange range,
                      std::string help) {
  Flag &flag = add(std::move(name), Kind::Value, std::move(help));
  flag.placeholder = "N";
  flag.expected = describe(range);
  flag.assign = [&out, range](std::string_view text) {
    std::optional<std::int64_t> value = parseInteger(text);
    if (!value || *value < range.least || *value > range.most)
      return false;
    out = value;
    return true;
  };
}

void FlagSet::real(std::string name, double &out, RealRange range, std::string help) {
  Flag &flag = add(std::move(name), Kind::Value, std::move(help));
  flag.placeholder = "X";
  flag.defaultText = shortReal(out);
  flag.expected = describe(range);
  flag.assign = [&out, range](std::string_view text) {
    std::optional<double> value = parseReal(text);
    if (!value || !inside(range, *value))
      return false;
    out = *value;
    return true;
  };
}

void FlagSet::real(std::string name, std::optional<double> &out, RealRange range,
                   std::string help) {
  Flag &flag = add(std::move(name), Kind::Value, std::move(help));
  flag.placeholder = "X";
  flag.expected = describe(range);
  flag.assign = [&out, range](std::string_view text) {
    std::optional<double> value = parseReal(text);
    if (!value || !inside(range, *value))
      return false;
    out = value;
    return true;
  };
}

void FlagSet::text(std::string name, std::string &out, std::string placeholder,
                   std::string help, TextCheck check) {
  Flag &flag = add(std::move(name), Kind::Value, std::move(help));
  flag.placeholder = std::move(placeholder);
  flag.defaultText = out;
  flag.expected = "a value";
  flag.check = std::move(check);
  flag.assign = [&out](std::string_view text) {
    if (text.empty() || text.find('\0') != std::string_view::npos)
      return false;
    out = text;
    return true;
  };
}

void FlagSet::text(std::string name, std::optional<std::string> &out, std::string placeholder,
                   std::string help) {
  Flag &flag = add(std::move(name), Kind::Value, std::move(help));
  flag.placeholder = std::move(placeholder);
  flag.expected = "a text";
  flag.assign = [&out](std::string_view text) {
    if (text.find('\0') != std::string_view::npos)
      return false;
    out = text;
    return true;
  };
}

void FlagSet::choice(std::string name, std::string &out, std::vector<std::string> values,
                     std::string help, std::vector<std::string> unsupported) {
  Flag &flag = add(std::move(name), Kind::Value, std::move(help));
  flag.placeholder = join(values, "|");
  flag.choices = values;
  flag.defaultText = out;
  flag.expected = "one of " + join(values, ", ");
  flag.check = [unsupported, all = flag.expected](std::string_view text) {
    if (std::find(unsupported.begin(), unsupported.end(), text) == unsupported.end())
      return Status::ok();
    return Status::usage(rt::quote(text) + " is not yet supported; expected " + all);
  };
  flag.assign = [&out, values = std::move(values)](std::string_view text) {
    if (std::find(values.begin(), values.end(), text) == values.end())
      return false;
    out = text;
    return true;
  };
}

void FlagSet::list(std::string name, std::vector<std::string> &out, std::string placeholder,
                   std::string help) {
  Flag &flag = add(std::move(name), Kind::List, std::move(help));
  flag.placeholder = std::move(placeholder);
  flag.defaultText = join(out, ",");
  flag.expected = "a comma-separated list";
  flag.assign = [&out](std::string_view text) {
    std::vector<std::string> parts;
    while (true) {
      std::size_t comma = text.find(',');
      parts.emplace_back(text.substr(0, comma));
      if (parts.back().empty())
        return false;
      if (comma == std::string_view::npos)
        break;
      text.remove_prefix(comma + 1);
    }
    out = std::move(parts);
    return true;
  };
}

void FlagSet::files(std::string name, std::vector<std::string> &out, std::string help) {
  Flag &flag = add(std::move(name), Kind::Value, std::move(help));
  flag.placeholder = "FILE [FILE]";
  flag.expected = "a path";
  auto append = [&out](std::string_view text) {
    if (text.empty() || text.find('\0') != std::string_view::npos)
      return false;
    out.emplace_back(text);
    return true;
  };
  flag.second = append;
  flag.assign = [&out, append](std::string_view text) {
    out.clear();
    return append(text);
  };
}

void FlagSet::positional(std::string placeholder, std::string &out, std::string help,
                         bool optional) {
  positionalList.push_back({std::move(placeholder), std::move(help), &out, nullptr, optional});
}

void FlagSet::positionals(std::string placeholder, std::vector<std::string> &out,
                          std::string help) {
  positionalList.push_back({std::move(placeholder), std::move(help), nullptr, &out});
}

void FlagSet::require(std::string name) {
  if (Flag *flag = find(name))
    flag->required = true;
}

void FlagSet::once(std::string name) {
  if (Flag *flag = find(name))
    flag->once = true;
}

void FlagSet::alias(char letter, std::string name) {
  if (Flag *flag = find(name))
    flag->letter = letter;
}

void FlagSet::ignore(std::vector<std::string> names, std::string help) {
  for (std::string &name : names) {
    Flag &flag = add(std::move(name), Kind::Boolean, help);
    flag.expected = "true or false";
    flag.assign = [](std::string_view text) { return parseBoolean(text).has_value(); };
  }
}

void FlagSet::ignoreHidden(std::vector<std::string> names) {
  std::size_t first = flags.size();
  ignore(std::move(names), "");
  for (std::size_t i = first; i < flags.size(); ++i)
    flags[i].hidden = true;
}

void FlagSet::ignoreValue(std::vector<std::string> names) {
  for (std::string &name : names) {
    Flag &flag = add(std::move(name), Kind::Value, "");
    flag.hidden = true;
    flag.expected = "a value";
    flag.assign = [](std::string_view) { return true; };
  }
}

void FlagSet::refuseTrue(std::vector<std::string> names, std::string reason) {
  for (std::string &name : names) {
    Flag &flag = add(std::move(name), Kind::Boolean, "");
    flag.hidden = true;
    flag.expected = "true or false";
    flag.check = [reason](std::string_view text) {
      return parseBoolean(text).value_or(false) ? Status::usage(reason) : Status::ok();
    };
    flag.assign = [](std::string_view text) { return parseBoolean(text).has_value(); };
  }
}

void FlagSet::synonym(std::string other, std::string name) {
  synonyms.push_back({std::move(other), std::move(name)});
}

void FlagSet::refuse(std::vector<std::string> names, std::string reason) {
  for (std::string &name : names)
    refusals.push_back({std::move(name), reason});
}

void FlagSet::shownDefault(std::string text) { flags.back().defaultText = std::move(text); }

bool FlagSet::given(std::string_view name) const {
  return std::any_of(flags.begin(), flags.end(),
                     [&](const Flag &flag) { return flag.name == name && flag.given; });
}

FlagSet::Flag *FlagSet::find(std::string_view name) {
  for (Flag &flag : flags)
    if (flag.name == name)
      return &flag;
  return nullptr;
}

} // namespace ftc::cli
