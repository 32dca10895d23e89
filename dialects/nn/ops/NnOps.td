// All op families of the nn dialect: the explicit registry of them.
#ifndef FTC_NN_OPS_TD
#define FTC_NN_OPS_TD
include "dialects/nn/ops/Attention.td"
include "dialects/nn/ops/Columns.td"
include "dialects/nn/ops/Convolution.td"
include "dialects/nn/ops/Elementwise.td"
include "dialects/nn/ops/Linear.td"
include "dialects/nn/ops/Loss.td"
include "dialects/nn/ops/Norm.td"
include "dialects/nn/ops/Optimizer.td"
include "dialects/nn/ops/Rows.td"
include "dialects/nn/ops/Span.td"
include "dialects/nn/ops/TargetLoss.td"
include "dialects/nn/ops/VocabularyLoss.td"
#endif
