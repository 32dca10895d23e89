// The text forms of what a model wrote: JSON lines and Hugging Face's
// generated_predictions.txt.
#pragma once

#include "runtime/tasks/Task.h"

namespace ftc::rt {

/// {"text": …} a line; `showIds`: "ids" beside it.
std::string jsonTextLines(std::span<const WrittenText> texts, bool showIds);

/// The texts as run_summarization.py writes them: white space around each stripped, joined by
/// line feeds, none at the end. Line ends within a text become spaces, so that line i is text
/// i.
std::string joinTexts(std::span<const WrittenText> texts);

} // namespace ftc::rt
