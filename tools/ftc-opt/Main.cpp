// ftc-opt: every dialect and pass of the project beside upstream's.
#include "compiler/passes/Passes.h"
#include "dialects/nn/Nn.h"
#include "dialects/plan/Plan.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::registerAllPasses();
  ftc::registerFtcPasses();
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  registry.insert<ftc::nn::NnDialect, ftc::plan::PlanDialect>();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "ftc's modular optimizer driver\n", registry));
}
