// Parsing flags: one table, walked once over the arguments. Every error names the flag with
// underscores, what was expected and what was found.
#include "tools/flags/FlagSet.h"

#include "runtime/support/Text.h"
#include "runtime/support/Version.h"
#include "tools/flags/ConfigFile.h"
#include "tools/flags/FlagValues.h"

#include <algorithm>
#include <cstdio>
#include <set>

namespace ftc::cli {

using rt::Result;
using rt::Status;

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
    return Status::usage(prefix + "expected " + flag.expected + ", got " +
                         (value.empty() ? "an empty value" : rt::quote(value)));
  flag.given = true;
  return Status::ok();
}

Status FlagSet::assignSecond(Flag &flag, std::string_view value, std::string_view where) {
  if (flag.second(value))
    return Status::ok();
  return Status::usage(std::string(where) + "--" + flag.name + ": expected " + flag.expected +
                       ", got " + (value.empty() ? "an empty value" : rt::quote(value)));
}

Status FlagSet::readConfig(const std::string &path) {
  FTC_ASSIGN_OR_RETURN(ConfigEntries entries, readConfigFile(path));
  std::string where = "--config " + rt::quote(path) + ": ";
  std::set<const Flag *> seen;
  for (const auto &[name, values] : entries) {
    FTC_ASSIGN_OR_RETURN(Flag * flag, lookUp(name, where));
    if (!seen.insert(flag).second)
      return Status::usage(where + "--" + flag->name + ": expected once, got it twice");
    if (flag->name == "config")
      return Status::usage(where + "a configuration file cannot name another one");
    if (flag->kind == Kind::List) {
      FTC_RETURN_IF_ERROR(assign(*flag, join(values, ","), where));
      continue;
    }
    std::size_t most = flag->second ? 2 : 1;
    if (values.empty() || values.size() > most)
      return Status::usage(where + "--" + flag->name + ": expected " + flag->expected +
                           (most == 2 ? " or two" : "") + ", got a list of " +
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
  if (flag->once && flag->onLine)
    return Status::usage("--" + flag->name + ": expected once, got it twice");
  flag->onLine = true;
  bool more = index + 1 < arguments.size();
  if (flag->kind == Kind::Boolean) {
    if (!value && more && parseBoolean(arguments[index + 1]))
      value = arguments[++index];
    return assign(*flag, value.value_or("true"), "");
  }
  if (!value) {
    if (!more || arguments[index + 1].starts_with("--"))
      return Status::usage("--" + flag->name + ": expected " + flag->expected +
                           " after it, got " +
                           (more ? rt::quote(arguments[index + 1]) : "nothing"));
    value = arguments[++index];
  }
  FTC_RETURN_IF_ERROR(assign(*flag, *value, ""));
  if (!flag->second || valuesFrom(arguments, index + 1) <= missing)
    return Status::ok();
  return assignSecond(*flag, arguments[++index], "");
}

/// `before`: the argument before it, which it may have been meant for.
Status FlagSet::takePositional(const std::string &argument, std::string_view before,
                               std::size_t &next) {
  if (next >= positionalList.size() && before.starts_with("--")) {
    const Flag *flag = find(canonicalName(before.substr(2)));
    if (flag && flag->kind == Kind::Boolean)
      return Status::usage("--" + flag->name + ": expected " + flag->expected + ", got " +
                           rt::quote(argument));
  }
  if (next >= positionalList.size())
    return Status::usage(rt::quote(argument) + ": unexpected argument of '" + title +
                         "'; expected flags (names begin with --)");
  Positional &slot = positionalList[next];
  if (argument.empty())
    return Status::usage(slot.placeholder + ": expected a value, got an empty one");
  slot.given = true;
  if (slot.many) {
    slot.many->push_back(argument);
    return Status::ok();
  }
  *slot.one = argument;
  ++next;
  return Status::ok();
}

std::size_t FlagSet::missingPositionals(std::size_t next) const {
  std::size_t missing = 0;
  for (; next < positionalList.size(); ++next) {
    const Positional &slot = positionalList[next];
    missing += !slot.optional && !(slot.many && !slot.many->empty());
  }
  return missing;
}

Status FlagSet::parseArguments(std::span<const std::string> arguments) {
  for (Flag &flag : flags)
    flag.onLine = false;
  std::size_t nextPositional = 0;
  bool onlyPositionals = false;
  for (std::size_t index = 0; index < arguments.size(); ++index) {
    const std::string &argument = arguments[index];
    if (!onlyPositionals && argument == "--")
      onlyPositionals = true;
    else if (!onlyPositionals && argument.size() > 1 && argument[0] == '-')
      FTC_RETURN_IF_ERROR(takeFlag(arguments, index, missingPositionals(nextPositional)));
    else
      FTC_RETURN_IF_ERROR(takePositional(
          argument, index == 0 || onlyPositionals ? "" : arguments[index - 1], nextPositional));
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
  if (arguments.size() == 2 && arguments[0] == "--print_reference") {
    std::fputs((arguments[1] == "man" ? manualPage() : completionTable()).c_str(), stdout);
    return Outcome::Done;
  }
  for (const std::string &argument : arguments) {
    if (argument == "--")
      break;
    if (argument == "--help" || argument == "-h") {
      std::fputs(help().c_str(), stdout);
      return Outcome::Done;
    }
    if (argument == "--version") {
      std::printf("%s\n", versionLine(title.substr(0, title.find(' '))).c_str());
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
