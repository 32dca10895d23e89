// Every pass of the compiler: one file a pass, listed here in pipeline order.
#ifndef FTC_PASSES_TD
#define FTC_PASSES_TD

include "mlir/Pass/PassBase.td"

#endif
