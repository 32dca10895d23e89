// Lets gradients lie where the activations died that the backward made them of.
#include "compiler/passes/Passes.h"

#include "compiler/analysis/GradientOverlay.h"
#include "dialects/plan/Plan.h"

#include "mlir/IR/Remarks.h"

using namespace mlir;

namespace ftc {
#define GEN_PASS_DEF_OVERLAYGRADIENTS
#include "compiler/passes/Passes.h.inc"

namespace {

/// Moves the gradients, and fills those that nothing writes.
void apply(plan::VariantOp variant, const GradientOverlay &overlay, const BufferSizes &sizes) {
  for (auto [buffer, life] : llvm::zip_equal(overlay.arena, overlay.lives))
    plan::BufferOp(buffer).setOffset(life.offset);
  plan::ProgramOp writer = overlay.writer();
  writer.setArenaBytes(overlay.end);
  Block &body = writer.getBody().front();
  OpBuilder places = OpBuilder::atBlockBegin(&body), fills = OpBuilder::atBlockEnd(&body);
  for (auto [begin, stop] : overlay.unwrittenRanges()) {
    AffineExpr elements = getAffineConstantExpr(stop - begin, places.getContext());
    auto gap = plan::BufferOp::create(
        places, writer.getLoc(), plan::BufferType::get(places.getContext()),
        plan::Segment::Grads, places.getF32Type(),
        AffineMap::get(0, sizes.names.size(), elements), begin, StringAttr());
    plan::FillOp::create(fills, writer.getLoc(), gap, StringAttr());
  }
  variant.setOverlaidFrom(overlay.from);
  variant.setOverlaidAt(overlay.at);
  variant.setOverlaidCompactAt(overlay.compactAt);
}

struct OverlayGradientsPass : impl::OverlayGradientsBase<OverlayGradientsPass> {
  void runOnOperation() override {
    FailureOr<BufferSizes> sizes = BufferSizes::of(getOperation());
    if (failed(sizes))
      return signalPassFailure();
    for (auto variant : getOperation().getOps<plan::VariantOp>()) {
      FailureOr<std::optional<GradientOverlay>> found = GradientOverlay::of(variant, *sizes);
      if (failed(found))
        return signalPassFailure();
      if (!*found)
        continue;
      GradientOverlay &overlay = **found;
      plan::ProgramOp writer = overlay.writer();
      int commands = 0;
      auto uses = usesOf(writer, &commands);
      overlay.place(uses, commands, writer.getArenaBytes());
      if (overlay.after >= overlay.before)
        continue;
      apply(variant, overlay, *sizes);
      ++overlaid;
      remark::passed(variant.getLoc(), remark::RemarkOpts::name("overlay")
                                           .category("ftc-overlay-gradients")
                                           .function(variant.getSymName()))
          << (llvm::Twine("gradients of ") + variant.getSymName() +
              " lie where activations died: " + llvm::Twine(overlay.before) + " -> " +
              llvm::Twine(overlay.after) + " bytes of gradients and arena")
                 .str();
    }
  }
};

} // namespace
} // namespace ftc
