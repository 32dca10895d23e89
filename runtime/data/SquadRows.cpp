// The walk down SQuAD's levels. A paragraph's text may stand behind its questions, so rows are
// written when the paragraph ends; its text is stored once.
#include "runtime/data/SquadRows.h"

#include "runtime/data/Formats.h"
#include "runtime/io/JsonEvents.h"
#include "runtime/support/Text.h"

#include <array>

namespace ftc::rt {

Result<SquadRows> SquadRows::make(DataTableBuilder &builder, const std::int64_t &line,
                                  std::int64_t maxRows) {
  SquadRows rows(builder, line, maxRows);
  FTC_ASSIGN_OR_RETURN(rows.idColumn, builder.column("id"));
  FTC_ASSIGN_OR_RETURN(rows.questionColumn, builder.column("question"));
  FTC_ASSIGN_OR_RETURN(rows.contextColumn, builder.column("context"));
  return rows;
}

bool SquadRows::failWith(Status status) {
  if (failure)
    failure = std::move(status);
  return false;
}

std::string SquadRows::whichQuestion() const {
  bool inside = place >= Place::Question && !questions.empty() && questions.back().hasId;
  return inside ? ": question " + quote(questions.back().id, 60) : std::string();
}

void SquadRows::watch(ReadProblems &into, const std::size_t &end) {
  problems = &into;
  consumed = &end;
}

bool SquadRows::fail(std::string_view expected, std::string_view found) {
  std::string what = "expected " + std::string(expected) + ", got " + std::string(found);
  if (problems)
    return tell(std::move(what));
  return failWith(
      Status::error(whereInFile(builder.path(), line) + whichQuestion() + ": " + what));
}

/// Of a question the first thing; of a paragraph what each of its questions is then told.
bool SquadRows::tell(std::string what) {
  bool ofQuestion = place == Place::Question || place >= Place::Answers;
  if (place == Place::Paragraph) {
    if (paragraphProblem.empty())
      paragraphProblem = std::move(what);
    return true;
  }
  if (!ofQuestion || !questions.back().wrong)
    problems->add(line, whereInFile(builder.path(), line) + whichQuestion() + ": " + what);
  if (ofQuestion)
    questions.back().wrong = true;
  return true;
}

void SquadRows::tellParagraph() {
  if (questions.empty())
    problems->add(line, whereInFile(builder.path(), line) + ": " + paragraphProblem);
  for (const Question &question : questions)
    if (!question.wrong)
      problems->add(question.line, whereInFile(builder.path(), question.line) + ": question " +
                                       quote(question.id, 60) + ": " + paragraphProblem);
}

bool SquadRows::parse_error(std::size_t, const std::string &, const json::exception &reason) {
  return failWith(Status::error(whereInFile(builder.path(), line) + ": expected JSON, got (" +
                                jsonReasonInLine(reason.what()) + ")"));
}

bool SquadRows::key(std::string &text) {
  if (skipDepth == 0)
    name = text;
  return true;
}

/// Takes a value that must be of one kind into its field.
bool SquadRows::take(std::string_view what, CellKind wanted, CellKind kind,
                     std::string_view text, std::string &into, bool &has) {
  if (kind != wanted)
    return fail(std::string(cellKindPhrase(wanted)) + " as \"" + std::string(what) + "\"",
                cellKindPhrase(kind));
  if (has)
    return fail("\"" + std::string(what) + "\" once", "it twice");
  into = text;
  has = true;
  return true;
}

bool SquadRows::value(CellKind kind, std::string_view text) {
  if (skipDepth > 0)
    return true;
  switch (place) {
  case Place::Paragraph:
    if (name == "context")
      return take("context", CellKind::Text, kind, text, context, hasContext);
    return name == "qas" ? fail("a list as \"qas\"", cellKindPhrase(kind)) : true;
  case Place::Question: {
    Question &question = questions.back();
    if (name == "id")
      return take("id", kind == CellKind::Integer ? kind : CellKind::Text, kind, text,
                  question.id, question.hasId);
    if (name == "question")
      return take("question", CellKind::Text, kind, text, question.text, question.hasText);
    // null is as good as no key: there are no labels.
    return name == "answers" && kind != CellKind::Missing
               ? fail("a list as \"answers\"", cellKindPhrase(kind))
               : true;
  }
  case Place::Answer:
    if (name == "text")
      return take("text", CellKind::Text, kind, text, answerText, hasAnswerText);
    if (name == "answer_start")
      return take("answer_start", CellKind::Integer, kind, text, answerStart, hasAnswerStart);
    return true;
  case Place::Top:
  case Place::Article:
    if ((place == Place::Top && name == "data") ||
        (place == Place::Article && name == "paragraphs"))
      return fail("a list as \"" + name + "\"", cellKindPhrase(kind));
    return true;
  default:
    return fail("an object", cellKindPhrase(kind));
  }
}

bool SquadRows::start_object(std::size_t) {
  if (skipDepth > 0) {
    ++skipDepth;
    return true;
  }
  switch (place) {
  case Place::Start:
    place = Place::Top;
    return true;
  case Place::Articles:
    place = Place::Article;
    return true;
  case Place::Paragraphs:
    place = Place::Paragraph;
    questions.clear();
    context.clear();
    hasContext = false;
    paragraphProblem.clear();
    if (problems)
      problems->tellInvalidLines(*consumed);
    return true;
  case Place::Questions:
    place = Place::Question;
    noteInvalidParagraph(1);
    questions.emplace_back().line = line;
    return true;
  case Place::Answers:
    place = Place::Answer;
    hasAnswerText = hasAnswerStart = false;
    return true;
  default:
    break;
  }
  if (place == Place::Question && name == "answers" &&
      !fail("a list as \"answers\"", "an object"))
    return false;
  skipDepth = 1;
  return true;
}

bool SquadRows::start_array(std::size_t) {
  if (skipDepth > 0) {
    ++skipDepth;
    return true;
  }
  struct Level {
    Place outer;
    std::string_view key;
    Place inner;
  };
  static constexpr std::array<Level, 4> kLevels = {{
      {Place::Top, "data", Place::Articles},
      {Place::Article, "paragraphs", Place::Paragraphs},
      {Place::Paragraph, "qas", Place::Questions},
      {Place::Question, "answers", Place::Answers},
  }};
  for (const Level &level : kLevels) {
    if (place != level.outer || name != level.key)
      continue;
    place = level.inner;
    if (place == Place::Answers) {
      if (questions.back().hasAnswers && !fail("\"answers\" once", "it twice"))
        return false;
      questions.back().hasAnswers = true;
    }
    return true;
  }
  bool object = place == Place::Top || place == Place::Article || place == Place::Paragraph ||
                place == Place::Question || place == Place::Answer;
  if (!object && !fail("an object", "a list"))
    return false;
  skipDepth = 1;
  return true;
}

bool SquadRows::end_object() {
  if (skipDepth > 0) {
    --skipDepth;
    return true;
  }
  switch (place) {
  case Place::Answer:
    return endAnswer();
  case Place::Question:
    return endQuestion();
  case Place::Paragraph:
    return endParagraph();
  case Place::Article:
    place = Place::Articles;
    return true;
  default:
    place = Place::Start;
    return true;
  }
}

bool SquadRows::end_array() {
  if (skipDepth > 0) {
    --skipDepth;
    return true;
  }
  place = place == Place::Articles     ? Place::Top
          : place == Place::Paragraphs ? Place::Article
          : place == Place::Questions  ? Place::Paragraph
                                       : Place::Question;
  name.clear();
  return true;
}

/// A byte that is not UTF-8 in a paragraph, outside its questions, up to `before` bytes ago.
void SquadRows::noteInvalidParagraph(std::size_t before) {
  if (problems && problems->tellInvalidLines(*consumed - before) && paragraphProblem.empty())
    paragraphProblem = "expected a paragraph of UTF-8, got one with an invalid byte";
}

bool SquadRows::endAnswer() {
  bool whole = hasAnswerText && hasAnswerStart;
  if (!whole && !fail("an answer with \"text\" and \"answer_start\"",
                      hasAnswerText    ? "one without \"answer_start\""
                      : hasAnswerStart ? "one without \"text\""
                                       : "one without either"))
    return false;
  questions.back().answers.push_back(answerText);
  questions.back().starts.push_back(answerStart);
  place = Place::Answers;
  return true;
}

bool SquadRows::endQuestion() {
  Question &question = questions.back();
  bool whole = question.hasId && question.hasText;
  if (!whole && !fail("a question with \"id\" and \"question\"",
                      question.hasId ? "one without \"question\"" : "one without \"id\""))
    return false;
  if (problems && problems->tellInvalidRow(*consumed))
    question.wrong = true;
  place = Place::Questions;
  return true;
}

bool SquadRows::endParagraph() {
  if (!hasContext && !questions.empty() && !fail("a paragraph with \"context\"", "one without"))
    return false;
  noteInvalidParagraph(0);
  if (!paragraphProblem.empty())
    tellParagraph();
  place = Place::Paragraphs;
  std::size_t begin = builder.arena().size();
  builder.arena().append(context);
  for (const Question &question : questions) {
    if (question.wrong || !paragraphProblem.empty())
      continue;
    if (maxRows >= 0 && builder.rows() >= maxRows) {
      stopped = true;
      return false;
    }
    if (!emit(question, begin))
      return false;
  }
  return true;
}

bool SquadRows::emit(const Question &question, std::size_t contextBegin) {
  builder.beginRow(question.line);
  auto cell = [&](int column, CellKind kind, auto write) {
    std::size_t begin = builder.arena().size();
    write();
    Status status = builder.closeCell(column, kind, begin);
    return status ? true : failWith(std::move(status));
  };
  auto text = [&](int column, const std::string &value) {
    return cell(column, CellKind::Text, [&] { builder.arena().append(value); });
  };
  auto list = [&](int column, CellKind kind, const std::vector<std::string> &items) {
    return cell(column, kind, [&] {
      for (const std::string &item : items)
        builder.appendItem(item);
    });
  };
  if (!text(idColumn, question.id) || !text(questionColumn, question.text))
    return false;
  Status shared =
      builder.shareCell(contextColumn, CellKind::Text, contextBegin, context.size());
  if (!shared)
    return failWith(std::move(shared));
  if (!question.hasAnswers)
    return true;
  Result<int> texts = builder.column("answers.text");
  Result<int> starts = builder.column("answers.answer_start");
  if (!texts || !starts)
    return failWith(texts ? starts.takeStatus() : texts.takeStatus());
  return list(*texts, CellKind::TextList, question.answers) &&
         list(*starts, question.starts.empty() ? CellKind::TextList : CellKind::IntegerList,
              question.starts);
}

} // namespace ftc::rt
