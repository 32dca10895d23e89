# lit's configuration: FileCheck tests of the dialects and passes, run by ctest as `lit`.
import os

import lit.formats

config.name = "ftc"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir"]
config.excludes = ["Inputs"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.environ.get("FTC_LIT_OUTPUT", os.path.join(os.getcwd(), "lit"))
tools = [os.environ["FTC_TOOLS"], os.environ["FTC_LLVM_TOOLS"]]
config.environment["PATH"] = os.pathsep.join(tools + [os.environ["PATH"]])
config.substitutions.append(("%inputs", os.path.join(config.test_source_root, "Inputs")))
