// SquadRows: SQuAD's nested JSON (versions 1 and 2) becomes one row a question.
#pragma once

#include "runtime/data/DataTableBuilder.h"
#include "runtime/data/ReadProblems.h"

#include <nlohmann/json.hpp>

namespace ftc::rt {

/// A handler for nlohmann's SAX interface over
///   {"data": [{"paragraphs": [{"context", "qas": [{"id", "question",
///                                                  "answers": [{"text",
///                                                  "answer_start"}]}]}]}]}
/// Columns: id, question, context, answers.text and answers.answer_start (lists, empty where
/// the question has no answer; no such cells where "answers" is missing). Other keys are
/// ignored. A paragraph's questions share its text. Returning false stops the parser; error()
/// says why.
class SquadRows {
public:
  using json = nlohmann::json;

  /// `line` is the line the parser is in, advanced by whoever feeds it.
  static Result<SquadRows> make(DataTableBuilder &builder, const std::int64_t &line,
                                std::int64_t maxRows);

  /// Tells what is wrong with questions, and leaves those out, instead of stopping at the
  /// first. `consumed`: bytes that the parser has read, advanced by whoever feeds it.
  void watch(ReadProblems &problems, const std::size_t &consumed);

  /// The first error, or ok.
  const Status &error() const { return failure; }
  /// True when the parser was stopped because there are enough rows.
  bool enough() const { return stopped; }

  bool null() { return value(CellKind::Missing, {}); }
  bool boolean(bool truth) { return value(CellKind::Boolean, truth ? "true" : "false"); }
  bool number_integer(std::int64_t number) {
    return value(CellKind::Integer, std::to_string(number));
  }
  bool number_unsigned(std::uint64_t number) {
    return value(number >> 63 ? CellKind::Real : CellKind::Integer, std::to_string(number));
  }
  bool number_float(double, const std::string &digits) { return value(CellKind::Real, digits); }
  bool string(std::string &text) { return value(CellKind::Text, text); }
  bool binary(json::binary_t &) { return false; }
  bool start_object(std::size_t);
  bool end_object();
  bool start_array(std::size_t);
  bool end_array();
  bool key(std::string &name);
  bool parse_error(std::size_t, const std::string &, const json::exception &reason);

private:
  /// What encloses the next event; objects and lists alternate down to an answer.
  enum class Place {
    Start,
    Top,
    Articles,
    Article,
    Paragraphs,
    Paragraph,
    Questions,
    Question,
    Answers,
    Answer
  };

  struct Question {
    std::string id, text;
    std::vector<std::string> answers, starts;
    std::int64_t line = 0;
    bool hasId = false, hasText = false, hasAnswers = false;
    bool wrong = false; ///< and told
  };

  SquadRows(DataTableBuilder &builder, const std::int64_t &line, std::int64_t maxRows)
      : builder(builder), line(line), maxRows(maxRows) {}
  bool value(CellKind kind, std::string_view text);
  bool take(std::string_view what, CellKind wanted, CellKind kind, std::string_view text,
            std::string &into, bool &has);
  bool endAnswer();
  bool endQuestion();
  bool endParagraph();
  bool emit(const Question &question, std::size_t contextBegin);
  /// Stops with an error, or tells it and returns true: whoever calls leaves the value out.
  bool fail(std::string_view expected, std::string_view found);
  bool tell(std::string what);
  void tellParagraph();
  void noteInvalidParagraph(std::size_t before);
  bool failWith(Status status);
  std::string whichQuestion() const;

  DataTableBuilder &builder;
  const std::int64_t &line;
  std::int64_t maxRows;
  ReadProblems *problems = nullptr;
  const std::size_t *consumed = nullptr;
  Status failure;
  bool stopped = false;
  int idColumn = 0, questionColumn = 0, contextColumn = 0;

  Place place = Place::Start;
  std::size_t skipDepth = 0; ///< objects and lists open inside a value that is ignored
  std::string name;          ///< the last key
  std::string context;       ///< of the paragraph at hand
  bool hasContext = false, hasAnswerText = false, hasAnswerStart = false;
  std::string answerText, answerStart;
  std::vector<Question> questions; ///< of the paragraph at hand
  std::string paragraphProblem;    ///< what is wrong with it as a whole; empty: nothing
};

} // namespace ftc::rt
