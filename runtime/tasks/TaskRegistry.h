// Where each task's one object comes from; TaskRegistry.cpp lists them.
#pragma once

#include "runtime/tasks/Task.h"

namespace ftc::rt {

const Task *textClassificationTask();  ///< TextClassification.cpp
const Task *tokenClassificationTask(); ///< TokenClassification.cpp
const Task *questionAnsweringTask();   ///< QuestionAnswering.cpp
const Task *textGenerationTask();      ///< TextGeneration.cpp
const Task *summarizationTask();       ///< Summarization.cpp
const Task *translationTask();         ///< Translation.cpp

} // namespace ftc::rt
