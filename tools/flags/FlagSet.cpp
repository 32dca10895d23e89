// Declaring and parsing flags: one table, walked once over the arguments. Every error names
// the flag with underscores, what was expected and what was found.
#include "tools/flags/FlagSet.h"

#include "runtime/support/Text.h"
#include "runtime/support/Version.h"
#include "tools/flags/ConfigFile.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

namespace ftc::cli {

using rt::Result;
using rt::Status;

namespace {

std::optional<bool> parseBoolean(std::string_view text) {
  if (text == "true" || text == "True" || text == "TRUE")
    return true;
  if (text == "false" || text == "False" || text == "FALSE")
    return false;
  return std::nullopt;
}

std::optional<std::int64_t> parseInteger(std::string_view text) {
  std::int64_t value = 0;
  if (text.starts_with('+'))
    text.remove_prefix(1);
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty())
    return std::nullopt;
  return value;
}

std::optional<double> parseReal(std::string_view text) {
  double value = 0;
  if (text.starts_with('+'))
    text.remove_prefix(1);
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty() ||
      !std::isfinite(value))
    return std::nullopt;
  return value;
}

/// A short decimal form: 5e-05, 0.1, 1.
std::string shortReal(double value) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%g", value);
  return buffer;
}

std::string describe(const IntegerRange &range) {
  constexpr IntegerRange all;
  if (range.least != all.least && range.most != all.most)
    return "an integer from " + std::to_string(range.least) + " to " +
           std::to_string(range.most);
  if (range.least != all.least)
    return "an integer of at least " + std::to_string(range.least);
  if (range.most != all.most)
    return "an integer of at most " + std::to_string(range.most);
  return "an integer";
}

std::string describe(const RealRange &range) {
  std::string text = "a number";
  if (std::isfinite(range.least))
    text += (range.leastOpen ? " above " : " of at least ") + shortReal(range.least);
  if (std::isfinite(range.most))
    text += std::string(std::isfinite(range.least) ? " and" : "") +
            (range.mostOpen ? " below " : " of at most ") + shortReal(range.most);
  return text;
}

bool inside(const RealRange &range, double value) {
  bool low = range.leastOpen ? value > range.least : value >= range.least;
  bool high = range.mostOpen ? value < range.most : value <= range.most;
  return low && high;
}

std::string join(std::span<const std::string> parts, std::string_view separator) {
  std::string text;
  for (const std::string &part : parts)
    text += (text.empty() ? "" : std::string(separator)) + part;
  return text;
}

} // namespace

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

Status FlagSet::unknown(std::string_view name, std::string_view where) const {
  for (const Refusal &refusal : refusals)
    if (refusal.name == name)
      return Status::usage(std::string(where) + "--" + refusal.name + ": " + refusal.reason);
  std::vector<std::string> names;
  for (const Flag &flag : flags)
    if (!flag.hidden)
      names.push_back(flag.name);
  names.push_back("help");
  names.push_back("version");
  std::string nearest = nearestName(name, names);
  std::string unknown =
      std::string(where) + "--" + rt::escape(name) + ": unknown flag of '" + title + "'; ";
  if (nearest.empty())
    return Status::usage(unknown + "see '" + title + " --help'");
  return Status::usage(unknown + "the nearest is --" + nearest + " ('" + title +
                       " --help' lists all)");
}

Result<FlagSet::Flag *> FlagSet::lookUp(std::string_view name, std::string_view where) {
  std::string canonical = canonicalName(name);
  for (const Synonym &synonym : synonyms)
    if (synonym.other == canonical)
      canonical = synonym.name;
  if (Flag *flag = find(canonical))
    return flag;
  return unknown(canonical, where);
}

Status FlagSet::assign(Flag &flag, std::string_view value, std::string_view where) {
  std::string prefix = std::string(where) + "--" + flag.name + ": ";
  if (flag.check)
    if (Status status = flag.check(value); !status)
      return Status::usage(prefix + status.message());
  if (!flag.assign(value))
    return Status::usage(prefix + "expected " + flag.expected + ", found " +
                         (value.empty() ? "an empty value" : rt::quote(value)));
  flag.given = true;
  return Status::ok();
}

Status FlagSet::assignSecond(Flag &flag, std::string_view value, std::string_view where) {
  if (flag.second(value))
    return Status::ok();
  return Status::usage(std::string(where) + "--" + flag.name + ": expected " + flag.expected +
                       ", found " + (value.empty() ? "an empty value" : rt::quote(value)));
}

Status FlagSet::readConfig(const std::string &path) {
  FTC_ASSIGN_OR_RETURN(ConfigEntries entries, readConfigFile(path));
  std::string where = "--config " + rt::quote(path) + ": ";
  for (const auto &[name, values] : entries) {
    FTC_ASSIGN_OR_RETURN(Flag * flag, lookUp(name, where));
    if (flag->name == "config")
      return Status::usage(where + "a configuration file cannot name another one");
    if (flag->kind == Kind::List) {
      FTC_RETURN_IF_ERROR(assign(*flag, join(values, ","), where));
      continue;
    }
    std::size_t most = flag->second ? 2 : 1;
    if (values.empty() || values.size() > most)
      return Status::usage(where + "--" + flag->name + ": expected " + flag->expected +
                           (most == 2 ? " or two" : "") + ", found a list of " +
                           std::to_string(values.size()));
    FTC_RETURN_IF_ERROR(assign(*flag, values[0], where));
    if (values.size() == 2)
      FTC_RETURN_IF_ERROR(assignSecond(*flag, values[1], where));
  }
  return Status::ok();
}

/// How many arguments from `index` on are no flags.
std::size_t FlagSet::valuesFrom(std::span<const std::string> arguments, std::size_t index) {
  std::size_t count = 0;
  while (index + count < arguments.size() && !arguments[index + count].starts_with('-'))
    ++count;
  return count;
}

/// `missing`: positionals that are not there yet.
Status FlagSet::takeFlag(std::span<const std::string> arguments, std::size_t &index,
                         std::size_t missing) {
  std::string_view argument = arguments[index];
  Flag *flag = nullptr;
  std::optional<std::string_view> value;
  if (argument.starts_with("--")) {
    argument.remove_prefix(2);
    std::size_t equals = argument.find('=');
    if (equals != std::string_view::npos)
      value = argument.substr(equals + 1);
    FTC_ASSIGN_OR_RETURN(flag, lookUp(argument.substr(0, equals), ""));
  } else {
    for (Flag &candidate : flags)
      if (candidate.letter && argument[1] == candidate.letter)
        flag = &candidate;
    if (!flag || (argument.size() > 2 && argument[2] != '='))
      return unknown(canonicalName(argument.substr(1)), "");
    if (argument.size() > 2)
      value = argument.substr(3);
  }
  bool more = index + 1 < arguments.size();
  if (flag->kind == Kind::Boolean) {
    if (!value && more && parseBoolean(arguments[index + 1]))
      value = arguments[++index];
    return assign(*flag, value.value_or("true"), "");
  }
  if (!value) {
    if (!more || arguments[index + 1].starts_with("--"))
      return Status::usage("--" + flag->name + ": expected " + flag->expected +
                           " after it, found " +
                           (more ? rt::quote(arguments[index + 1]) : "nothing"));
    value = arguments[++index];
  }
  FTC_RETURN_IF_ERROR(assign(*flag, *value, ""));
  if (!flag->second || valuesFrom(arguments, index + 1) <= missing)
    return Status::ok();
  return assignSecond(*flag, arguments[++index], "");
}

Status FlagSet::takePositional(const std::string &argument, std::size_t &next) {
  if (next >= positionalList.size())
    return Status::usage(rt::quote(argument) + ": unexpected argument of '" + title +
                         "'; expected flags (names begin with --)");
  Positional &slot = positionalList[next];
  if (argument.empty())
    return Status::usage(slot.placeholder + ": expected a value, found an empty one");
  slot.given = true;
  if (slot.many) {
    slot.many->push_back(argument);
    return Status::ok();
  }
  *slot.one = argument;
  ++next;
  return Status::ok();
}

Status FlagSet::parseArguments(std::span<const std::string> arguments) {
  std::size_t nextPositional = 0;
  bool onlyPositionals = false;
  for (std::size_t index = 0; index < arguments.size(); ++index) {
    const std::string &argument = arguments[index];
    if (!onlyPositionals && argument == "--")
      onlyPositionals = true;
    else if (!onlyPositionals && argument.size() > 1 && argument[0] == '-')
      FTC_RETURN_IF_ERROR(takeFlag(
          arguments, index, positionalList.size() - std::min(positionalList.size(),
                                                             nextPositional)));
    else
      FTC_RETURN_IF_ERROR(takePositional(argument, nextPositional));
  }
  return Status::ok();
}

Status FlagSet::checkRequired() const {
  for (const Positional &slot : positionalList)
    if (!slot.given && !slot.optional)
      return Status::usage(slot.placeholder + " is missing: usage: " + title + " " + usage);
  for (const Flag &flag : flags)
    if (flag.required && !flag.given)
      return Status::usage("--" + flag.name + " is missing: usage: " + title + " " + usage);
  return Status::ok();
}

Result<Outcome> FlagSet::parse(std::span<const std::string> arguments) {
  for (const std::string &argument : arguments) {
    if (argument == "--")
      break;
    if (argument == "--help" || argument == "-h") {
      std::fputs(help().c_str(), stdout);
      return Outcome::Done;
    }
    if (argument == "--version") {
      std::printf("%s %s\n", title.substr(0, title.find(' ')).c_str(), rt::versionString());
      return Outcome::Done;
    }
  }
  // The file is read between two walks: the first finds it and reports the line's own mistakes.
  FTC_RETURN_IF_ERROR(parseArguments(arguments));
  if (!configFile.empty()) {
    FTC_RETURN_IF_ERROR(readConfig(configFile));
    for (Positional &slot : positionalList)
      if (slot.many)
        slot.many->clear();
    FTC_RETURN_IF_ERROR(parseArguments(arguments));
  }
  FTC_RETURN_IF_ERROR(checkRequired());
  return Outcome::Run;
}

} // namespace ftc::cli
