#include "smelt/base/bytes.h"
#include "smelt/ops/families.h"
#include "smelt/ops/flex_options.h"

namespace smelt {
namespace {

/// TFLite_Detection_PostProcess -> boxes [1,n,4], classes [1,n], scores [1,n], number of valid [1].
void infer_detection(ShapeContext& context) {
  const FlexOptions options(context.op.as<CustomAttributes>());
  const int64_t n = checked_mul(options.integer("max_detections"),
                                options.integer("max_classes_per_detection"), "detections");
  if (context.output_count() != 4) {
    fail(ErrorKind::bad_file, "has {} results, expected 4", context.output_count());
  }
  context.set_output(0, checked_shape({1, n, 4}));
  context.set_output(1, checked_shape({1, n}));
  context.set_output(2, checked_shape({1, n}));
  context.set_output(3, {1});
}

/// Convolution2DTransposeBias: x [N,H,W,I], w [O,kh,kw,I]; the file knows the rest.
void infer_transpose_bias(ShapeContext& context) {
  need_rank(context, 0, 4);
  if (context.output_count() != 1 || context.output(0).rank() != 4) return;
  Shape y = context.output(0);
  y[0] = context.shape(0)[0];
  context.set_output(0, y);
}

/// Results of other custom ops have the shapes that the file records.
void infer_custom(ShapeContext& context) {
  const auto* attributes = std::get_if<CustomAttributes>(&context.op.attributes);
  if (attributes == nullptr) return;
  if (attributes->code == "TFLite_Detection_PostProcess") infer_detection(context);
  if (attributes->code == "Convolution2DTransposeBias") infer_transpose_bias(context);
}

}  // namespace

void define_custom(OpTable& table) {
  table[OpType::custom].infer_shapes = infer_custom;
  table[OpType::custom].quantization = float_only("what it computes is not known");
}

}  // namespace smelt
