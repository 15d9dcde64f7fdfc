#include "smelt/kernels/broadcast.h"
#include "smelt/train/blocks/packed_matrix.h"
#include "smelt/train/blocks/row_math.h"
#include "smelt/train/layers/families.h"
#include "smelt/train/layers/kernel_operand.h"
#include "smelt/train/layers/parts.h"

namespace smelt::train {
namespace {

/// to [columns, rows] = from [rows, columns], transposed.
void transpose(const float* from, int64_t rows, int64_t columns, float* to) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) to[c * rows + r] = from[r * columns + c];
  }
}

void add_transposed(const float* from, int64_t rows, int64_t columns, float* to) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) to[c * rows + r] += from[r * columns + c];
  }
}

/// z = x y for matrices [M,K] and [K,N], each stored transposed where its attribute says so.
class MatmulLayer final : public Layer {
 public:
  explicit MatmulLayer(LayerArguments args)
      : Layer(std::move(args.name)),
        x_(args.input(0)),
        y_(args.input(1)),
        z_(args.outputs.at(0)),
        dx_(x_),
        dy_(y_),
        a_(args.op.as<BatchMatMulAttributes>()),
        buffers_(kPartials) {
    const Shape& x = x_.shape();
    m_ = a_.adj_x ? x.back() : x[x.rank() - 2];
    k_ = a_.adj_x ? x[x.rank() - 2] : x.back();
    n_ = z_->shape.back();
    find_pairs(args);
    for (Buffers& b : buffers_) {
      b.y = PackedMatrix(n_, k_);
      b.y_back = PackedMatrix(k_, n_);
      b.x.resize(static_cast<size_t>(m_ * k_));
      b.dx.resize(static_cast<size_t>(m_ * k_));
    }
  }

  void forward(const Step& step) override {
    for_parts(step, [&](int64_t part, int64_t first, int64_t last) {
      Buffers& b = buffers_[static_cast<size_t>(part)];
      const float* packed = nullptr;
      for_each_pair(first, last, [&](int64_t n, const Pair& pair, int64_t at) {
        const float* y = y_.sample(n) + pair.y;
        if (y != packed) pack(b.y, y, !a_.adj_y);
        packed = y;
        b.y.multiply(rows_of_x(b, n, pair), k_, m_, 0, b.y.panels(), z_->sample(n) + at, n_);
      });
    });
  }

  void backward(const Step& step) override {
    if (z_->grad == nullptr) return;
    for_parts(step, [&](int64_t part, int64_t first, int64_t last) {
      dx_.begin(part, first, last);
      dy_.begin(part, first, last);
      Buffers& b = buffers_[static_cast<size_t>(part)];
      const float* packed = nullptr;
      for_each_pair(first, last, [&](int64_t n, const Pair& pair, int64_t at) {
        const float* dz = z_->sample_grad(n) + at;
        const float* y = y_.sample(n) + pair.y;
        if (dx_.wanted()) {
          if (y != packed) pack(b.y_back, y, a_.adj_y);
          packed = y;
          add_to_dx(b, dz, dx_.at(part, n) + pair.x);
        }
        if (dy_.wanted()) add_to_dy(rows_of_x(b, n, pair), dz, dy_.at(part, n) + pair.y);
      });
    });
    dx_.finish(step);
    dy_.finish(step);
  }

 private:
  /// Where the matrices of one product start in a sample.
  struct Pair {
    int64_t x = 0, y = 0;
  };
  struct Buffers {
    PackedMatrix y, y_back;
    std::vector<float> x, dx;  ///< [M,K]
  };

  /// The leading axes of both operands, which broadcast.
  void find_pairs(const LayerArguments& args) {
    const auto leading = [](smelt::Operand operand) {
      const std::vector<int32_t>& dims = operand.shape.dims();
      operand.shape = Shape(std::vector<int32_t>(dims.begin(), dims.end() - 2));
      return operand;
    };
    const smelt::Operand x = leading(kernel_operand(args.graph, args.op.input(0)));
    const smelt::Operand y = leading(kernel_operand(args.graph, args.op.input(1)));
    const smelt::Operand z = leading(kernel_operand(args.graph, args.op.output()));
    const Broadcast<2> plan = make_broadcast<2>({&x, &y}, z);
    plan.for_each_row([&](int64_t, const std::array<int64_t, 2>& offset) {
      for (int64_t i = 0; i < plan.row; ++i) {
        pairs_.push_back({(offset[0] + (plan.advances[0] ? i : 0)) * m_ * k_,
                          (offset[1] + (plan.advances[1] ? i : 0)) * k_ * n_});
      }
    });
  }

  /// visit(sample, pair, place of their product in the sample).
  template <class Visit>
  void for_each_pair(int64_t first, int64_t last, Visit&& visit) const {
    for (int64_t n = first; n < last; ++n) {
      int64_t at = 0;
      for (const Pair& pair : pairs_) {
        visit(n, pair, at);
        at += m_ * n_;
      }
    }
  }

  /// From what is stored as [K of the product, columns], or as [columns, K].
  static void pack(PackedMatrix& matrix, const float* values, bool k_first) {
    if (k_first) {
      matrix.pack_columns(values, 0, matrix.panels());
    } else {
      matrix.pack_rows(values, 0, matrix.panels());
    }
  }

  const float* rows_of_x(Buffers& b, int64_t n, const Pair& pair) const {
    const float* x = x_.sample(n) + pair.x;
    if (!a_.adj_x) return x;
    transpose(x, k_, m_, b.x.data());
    return b.x.data();
  }

  void add_to_dx(Buffers& b, const float* dz, float* dx) const {
    b.y_back.multiply(dz, n_, m_, 0, b.y_back.panels(), b.dx.data(), k_);
    if (a_.adj_x) {
      add_transposed(b.dx.data(), m_, k_, dx);
    } else {
      add_values(b.dx.data(), dx, m_ * k_);
    }
  }

  void add_to_dy(const float* x, const float* dz, float* dy) const {
    if (a_.adj_y) {
      outer_products(m_, {dz, n_, n_}, {x, k_, k_}, true, dy, k_);
    } else {
      outer_products(m_, {x, k_, k_}, {dz, n_, n_}, true, dy, n_);
    }
  }

  Operand x_, y_;
  Value* z_;
  GradientSum dx_, dy_;
  BatchMatMulAttributes a_;
  int64_t m_ = 0, k_ = 0, n_ = 0;
  std::vector<Pair> pairs_;
  std::vector<Buffers> buffers_;  ///< of the parts
};

}  // namespace

std::unique_ptr<Layer> make_matmul(LayerArguments args) {
  return std::make_unique<MatmulLayer>(std::move(args));
}

}  // namespace smelt::train
