// ftc-lsp-server: editors understand files of the nn and plan dialects.
#include "dialects/nn/Nn.h"
#include "dialects/plan/Plan.h"

#include "mlir/InitAllDialects.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  registry.insert<ftc::nn::NnDialect, ftc::plan::PlanDialect>();
  return mlir::failed(mlir::MlirLspServerMain(argc, argv, registry));
}
