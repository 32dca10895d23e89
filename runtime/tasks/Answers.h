// Answers: a question's gold answers as a data file gives them, and their place in the context.
#pragma once

#include "runtime/tasks/Task.h"

#include <optional>
#include <unordered_map>

namespace ftc::rt {

/// The answers of one row, in the file's order; none: the question has no answer.
struct Answers {
  std::vector<std::string> texts;
  std::vector<std::int64_t> starts; ///< code points into the context

  std::size_t size() const { return texts.size(); }
};

/// Finds the columns of id, question and context, and those of the answers in one of the forms
/// "answers.text" and "answers.answer_start" (lists, or one answer), "answers" (a list of
/// objects with both, or, in CSV, the object of lists as JSON text) - or none, unless
/// `needAnswers`.
Result<TaskColumns> findQuestionColumns(const DataTable &table, bool needAnswers);

/// The row's id: its own, or the row's number where the table has none.
std::string questionId(const DataTable &table, std::int64_t row, const TaskColumns &columns);

/// "PATH: line N: question 'id'", for error messages.
std::string whereQuestion(const DataTable &table, std::int64_t row, const TaskColumns &columns);

/// The ids of a table's questions, each of which may stand there once.
class QuestionIds {
public:
  /// Takes the row's id; the row that has it already, or nothing.
  std::optional<std::int64_t> take(const DataTable &table, std::int64_t row,
                                   const TaskColumns &columns);

private:
  std::unordered_map<std::string, std::int64_t> rows;
};

/// Reads the row's answers. Fails on other kinds of cells, on unequal numbers of texts and
/// starts, and on an empty text.
Result<Answers> readAnswers(const DataTable &table, std::int64_t row,
                            const TaskColumns &columns);

/// Fails unless each answer stands in `context` where it says, naming what stands there, and
/// unless there is one or `mayLack`.
Status checkAnswers(const DataTable &table, std::int64_t row, const TaskColumns &columns,
                    const Answers &answers, bool mayLack);

/// Number of code points in valid UTF-8.
std::int64_t codePoints(std::string_view text);
/// The bytes of code points [begin, end) of valid UTF-8, as Python's slices: cut to the text.
std::string_view codePointSlice(std::string_view text, std::int64_t begin, std::int64_t end);

} // namespace ftc::rt
