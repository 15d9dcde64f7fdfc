#include <algorithm>

#include "smelt/train/layers/families.h"
#include "smelt/train/layers/parts.h"

namespace smelt::train {
namespace {

/// Rows of a table by computed numbers; negative ones count from the end, and where there is no
/// such row zeros stand for it (kernels/gather.cpp).
class EmbeddingLayer final : public Layer {
 public:
  EmbeddingLayer(LayerArguments args, Operand table, Operand ids, bool from_end)
      : Layer(std::move(args.name)),
        table_(table),
        ids_(ids.value),
        y_(args.outputs.at(0)),
        rows_(table.shape()[0]),
        width_(table.shape().elements(1, table.shape().rank())),
        from_end_(from_end) {}

  void forward(const Step& step) override {
    for_samples(step, [&](int64_t n) {
      for (int64_t i = 0; i < ids_->size; ++i) {
        const int64_t row = row_of(ids_->sample(n)[i]);
        float* y = y_->sample(n) + i * width_;
        if (row < 0) {
          std::fill_n(y, width_, 0.0f);
        } else {
          std::copy_n(table_.data() + row * width_, width_, y);
        }
      }
    });
  }

  /// Every part has rows of the table of its own, so that none is written by two.
  void backward(const Step& step) override {
    if (y_->grad == nullptr || !table_.needs_grad()) return;
    step.workers->run(kPartials, [&](int, int64_t part) {
      const RowRange own = rows_of_task(rows_, kPartials, part);
      float* grad = table_.grad();
      if (!table_.accumulate) {
        std::fill_n(grad + own.begin * width_, (own.end - own.begin) * width_, 0.0f);
      }
      for (int64_t i = 0; i < step.samples * ids_->size; ++i) {
        const int64_t row = row_of(ids_->data[i]);
        if (row < own.begin || row >= own.end) continue;
        const float* dy = y_->grad + i * width_;
        for (int64_t k = 0; k < width_; ++k) grad[row * width_ + k] += dy[k];
      }
    });
  }

 private:
  /// -1 where there is none.
  int64_t row_of(float id) const {
    if (!(id > -1e9f && id < 1e9f)) return -1;
    auto row = static_cast<int64_t>(id);
    if (row < 0 && from_end_) row += rows_;
    return row >= 0 && row < rows_ ? row : -1;
  }

  Operand table_;
  Value* ids_;
  Value* y_;
  int64_t rows_, width_;
  bool from_end_;
};

}  // namespace

std::unique_ptr<Layer> make_gather(LayerArguments args) {
  if (args.graph.constant_input(args.op, 1) != nullptr) return make_index_map(std::move(args));
  const auto& a = args.op.as<GatherAttributes>();
  const Operand table = args.input(0);
  const Operand ids = args.input(1);
  const bool rows = table && table.shared() && a.batch_dims == 0 &&
                    normalized_axis(a.axis, table.shape().rank()) == 0;
  if (!rows || ids.value == nullptr) return make_forward_only(std::move(args));
  return std::make_unique<EmbeddingLayer>(std::move(args), table, ids, true);
}

std::unique_ptr<Layer> make_embedding_lookup(LayerArguments args) {
  const Operand ids = args.input(0);
  const Operand table = args.input(1);
  if (ids.value == nullptr || !table || !table.shared()) return make_forward_only(std::move(args));
  return std::make_unique<EmbeddingLayer>(std::move(args), table, ids, false);
}

}  // namespace smelt::train
