// FlagSet: the flags of one command as cli.md has them, for ftrt and ftc alike: underscores or
// dashes, booleans alone or with true|false, --config FILE, grouped --help, nearest names.
//
//   TrainSettings s;                        // defaults are the variables' own values
//   FlagSet flags("ftrt run", "step.ftb --train_file F --output_dir D", "Fine-tunes a model.");
//   flags.positional("ARTIFACT", s.artifact, "what ftc compile made");
//   flags.group("Schedule");
//   flags.real("learning_rate", s.learningRate, {.least = 0}, "peak learning rate");
//   flags.boolean("shuffle", s.shuffle, "false: the file's order");
//   flags.choice("optim", s.optim, {"adamw", "sgd"}, "the update");
//   flags.refuse({"num_beams"}, "generation is not yet supported");
//   auto outcome = flags.parse(arguments);  // Usage error, or Run, or Done (help printed)
#pragma once

#include "runtime/support/Status.h"

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ftc::cli {

/// Inclusive bounds of an integer flag.
struct IntegerRange {
  std::int64_t least = std::numeric_limits<std::int64_t>::min();
  std::int64_t most = std::numeric_limits<std::int64_t>::max();
};

/// Bounds of a real flag, each inclusive unless said open. Infinities and NaN are refused.
struct RealRange {
  double least = -std::numeric_limits<double>::infinity();
  double most = std::numeric_limits<double>::infinity();
  bool leastOpen = false, mostOpen = false;
};

/// Run: go on with the command. Done: --help or --version was printed, exit with 0.
enum class Outcome { Run, Done };

/// What --version prints: "ftrt ftc 0.1.0", and of ftc itself "ftc 0.1.0".
std::string versionLine(std::string_view program);

/// A check of a text value: ok, or an error that says what was expected ("cpu or cuda").
using TextCheck = std::function<rt::Status(std::string_view)>;

/// The flags of one command. Variables given by reference hold the defaults, receive the values
/// and must outlive parse(). Of a flag given twice the last value counts,
/// unless it is once().
class FlagSet {
public:
  /// `command`: "ftrt run"; `usage`: what follows it in the usage line; `summary`: a sentence.
  FlagSet(std::string command, std::string usage, std::string summary);

  /// Flags declared from here on stand under this title in --help.
  void group(std::string title);

  void boolean(std::string name, bool &out, std::string help);
  void boolean(std::string name, std::optional<bool> &out, std::string help);
  void integer(std::string name, std::int64_t &out, IntegerRange range, std::string help);
  void integer(std::string name, std::optional<std::int64_t> &out, IntegerRange range,
               std::string help);
  void real(std::string name, double &out, RealRange range, std::string help);
  void real(std::string name, std::optional<double> &out, RealRange range, std::string help);
  /// Any text; `placeholder` stands for it in --help ("FILE").
  void text(std::string name, std::string &out, std::string placeholder, std::string help,
            TextCheck check = {});
  /// Any text, an empty one too: given as such it is not the same as not given.
  void text(std::string name, std::optional<std::string> &out, std::string placeholder,
            std::string help);
  /// One of the listed values; `unsupported` values are known but refused by name.
  void choice(std::string name, std::string &out, std::vector<std::string> values,
              std::string help, std::vector<std::string> unsupported = {});
  /// A comma-separated list; a repeated flag replaces it.
  void list(std::string name, std::vector<std::string> &out, std::string placeholder,
            std::string help);

  /// One path, or two where what follows the flag leaves enough arguments for the positionals
  /// that are still missing: parallel text's `--train_file a.en b.de`.
  void files(std::string name, std::vector<std::string> &out, std::string help);

  /// Arguments without a flag, in the order of declaration; required unless `optional`.
  void positional(std::string placeholder, std::string &out, std::string help,
                  bool optional = false);
  /// One or more, after all other positionals.
  void positionals(std::string placeholder, std::vector<std::string> &out, std::string help);

  /// A missing flag of this name is a usage error.
  void require(std::string name);
  /// Refuses the flag given twice on the command line; there it still wins over a file's.
  void once(std::string name);
  /// A one-letter form: alias('o', "output").
  void alias(char letter, std::string name);
  /// Accepts the flag, with true|false or alone, and ignores it.
  void ignore(std::vector<std::string> names, std::string help);
  /// The same, without standing in --help.
  void ignoreHidden(std::vector<std::string> names);
  /// The same of flags that take a value.
  void ignoreValue(std::vector<std::string> names);
  /// Booleans that may be false; true is refused with "--NAME: reason".
  void refuseTrue(std::vector<std::string> names, std::string reason);
  /// Another name of a flag, given or in a configuration file.
  void synonym(std::string other, std::string name);
  /// These flags are known but refused with "--NAME: reason".
  void refuse(std::vector<std::string> names, std::string reason);
  /// What --help shows as the default of the flag declared last.
  void shownDefault(std::string text);
  /// What --help and the manual page say of exit codes beyond those that every command has.
  void exits(std::string more) { moreExits = std::move(more); }

  /// Parses what follows the command. --config FILE is read first, so that flags win.
  rt::Result<Outcome> parse(std::span<const std::string> arguments);

  /// Whether the flag was given, on the command line or in the configuration file.
  bool given(std::string_view name) const;
  /// The file of --config, empty where there is none.
  const std::string &configuration() const { return configFile; }
  /// The text of --help.
  std::string help() const;
  /// The same as a manual page (man(7)), which `COMMAND --print_reference man` prints when packages
  /// are built.
  std::string manualPage() const;
  /// What shell completion is made of, `--print_reference flags`: a line a flag, of name, kind
  /// (boolean, value or file), the values to choose from with spaces between them, and help, with
  /// tabs between these.
  std::string completionTable() const;
  const std::string &command() const { return title; }

private:
  enum class Kind { Boolean, Value, List };
  struct Flag {
    std::string name, placeholder, help, defaultText, expected;
    std::vector<std::string> choices; ///< of flags that take one of them
    std::size_t group = 0;
    Kind kind = Kind::Value;
    bool given = false, required = false, hidden = false, once = false;
    bool onLine = false; ///< met in this walk over the command line
    char letter = 0;
    std::function<bool(std::string_view)> assign; ///< false: not what was expected
    std::function<bool(std::string_view)> second; ///< of flags that take one or two values
    TextCheck check;
  };
  struct Positional {
    std::string placeholder, help;
    std::string *one = nullptr;
    std::vector<std::string> *many = nullptr;
    bool optional = false, given = false;
  };
  struct Synonym {
    std::string other, name;
  };
  struct Refusal {
    std::string name, reason;
  };

  Flag &add(std::string name, Kind kind, std::string help);
  Flag *find(std::string_view name);
  rt::Status unknown(std::string_view name, std::string_view where) const;
  rt::Result<Flag *> lookUp(std::string_view name, std::string_view where);
  rt::Status assign(Flag &flag, std::string_view value, std::string_view where);
  rt::Status assignSecond(Flag &flag, std::string_view value, std::string_view where);
  rt::Status readConfig(const std::string &path);
  rt::Status parseArguments(std::span<const std::string> arguments);
  rt::Status takeFlag(std::span<const std::string> arguments, std::size_t &index,
                      std::size_t missing);
  static std::size_t valuesFrom(std::span<const std::string> arguments, std::size_t index);
  rt::Status takePositional(const std::string &argument, std::string_view before,
                            std::size_t &next);
  /// Positionals from `next` on that must still come.
  std::size_t missingPositionals(std::size_t next) const;
  rt::Status checkRequired() const;

  std::string exitText() const;

  std::string title, usage, summary, moreExits;
  std::vector<std::string> groups;
  std::vector<Flag> flags;
  std::vector<Positional> positionalList;
  std::vector<Refusal> refusals;
  std::vector<Synonym> synonyms;
  std::string configFile;
};

/// "learning-rate" -> "learning_rate".
std::string canonicalName(std::string_view name);

/// The candidate with the least edit distance to `name` (the first of equals); empty when none
/// is near: within 2 edits, or a third of the name's length.
std::string nearestName(std::string_view name, std::span<const std::string> candidates);

/// A usage error for an unknown command, naming those known and the nearest.
rt::Status unknownCommand(std::string_view program, std::string_view found,
                          std::span<const std::string> known);

/// Ends a command: flushes stdout, whose failure (a full device) makes an ok status an error,
/// prints a failed status as the last line on stderr (one line, at most 500 bytes) and returns
/// the exit code: 0 ok, 2 usage, 1 any other failure.
int exitCode(std::string_view program, const rt::Status &status);

} // namespace ftc::cli
