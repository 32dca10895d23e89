// ftc-opt: every dialect and pass of the project beside upstream's.
#include "compiler/passes/Passes.h"
#include "compiler/plugins/PluginFile.h"
#include "dialects/nn/Nn.h"
#include "dialects/plan/Plan.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

/// Looks at the plugins that the arguments name: the driver loads each as it meets it, goes on
/// without one that cannot be loaded, and ends with a signal at one that was cut short.
static llvm::Error checkPlugins(llvm::ArrayRef<char *> arguments) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    llvm::StringRef argument = arguments[i];
    if (argument == "--")
      break;
    for (llvm::StringRef flag : {"load-pass-plugin", "load-dialect-plugin"}) {
      llvm::StringRef file = argument;
      if (!(file.consume_front("--") || file.consume_front("-")) || !file.consume_front(flag))
        continue;
      if (file.empty() && i + 1 < arguments.size())
        file = arguments[++i];
      else if (!file.consume_front("="))
        continue;
      if (llvm::Error error = ftc::checkPluginFile(file))
        return llvm::createStringError("--" + flag + ": '" + file +
                                       "': " + llvm::toString(std::move(error)));
    }
  }
  return llvm::Error::success();
}

int main(int argc, char **argv) {
  if (llvm::Error error = checkPlugins({argv + 1, argv + argc})) {
    llvm::errs() << "ftc-opt: " << llvm::toString(std::move(error)) << "\n";
    return 1;
  }
  mlir::registerAllPasses();
  ftc::registerFtcPasses();
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  registry.insert<ftc::nn::NnDialect, ftc::plan::PlanDialect>();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "ftc's modular optimizer driver\n", registry));
}
