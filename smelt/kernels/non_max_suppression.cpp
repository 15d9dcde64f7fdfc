#include "smelt/kernels/non_max_suppression.h"

#include <algorithm>
#include <cmath>

#include "smelt/kernels/operands.h"

namespace smelt {
namespace {

struct Candidate {
  int32_t index;
  float score;
  int32_t compared;  ///< with how many of the selected boxes
};

struct Corners {
  float low_y, low_x, high_y, high_x;

  explicit Corners(const float* box)
      : low_y(std::min(box[0], box[2])),
        low_x(std::min(box[1], box[3])),
        high_y(std::max(box[0], box[2])),
        high_x(std::max(box[1], box[3])) {}
  float area() const { return (high_y - low_y) * (high_x - low_x); }
};

float overlap(const float* boxes, int32_t i, int32_t j) {
  const Corners a(boxes + 4 * static_cast<int64_t>(i));
  const Corners b(boxes + 4 * static_cast<int64_t>(j));
  if (a.area() <= 0 || b.area() <= 0) return 0.0f;
  const float height = std::min(a.high_y, b.high_y) - std::max(a.low_y, b.low_y);
  const float width = std::min(a.high_x, b.high_x) - std::max(a.low_x, b.low_x);
  const float common = std::max(height, 0.0f) * std::max(width, 0.0f);
  return common / (a.area() + b.area() - common);
}

/// A heap with the best score on top, in memory that was there before.
class Heap {
 public:
  explicit Heap(Candidate* memory) : begin_(memory), end_(memory) {}
  int64_t size() const { return end_ - begin_; }
  void push(const Candidate& candidate) {
    *end_++ = candidate;
    std::push_heap(begin_, end_, worse);
  }
  Candidate pop() {
    std::pop_heap(begin_, end_, worse);
    return *--end_;
  }

 private:
  static bool worse(const Candidate& a, const Candidate& b) { return a.score < b.score; }
  Candidate* begin_;
  Candidate* end_;
};

struct Suppression {
  const float* boxes;
  const float* scores;
  float overlap_limit, score_limit;
  float sigma = 0;

  /// True where a selected box removes the candidate; with a sigma its score shrinks instead.
  bool removes(Candidate& candidate, const int32_t* selected, int32_t count) const {
    const float scale = sigma > 0 ? -0.5f / sigma : 0.0f;
    for (int32_t j = count - 1; j >= candidate.compared; --j) {
      const float shared = overlap(boxes, candidate.index, selected[j]);
      if (shared >= overlap_limit) return true;
      if (sigma > 0) candidate.score *= std::exp(scale * shared * shared);
      if (candidate.score <= score_limit) return false;
    }
    return false;
  }

  int32_t run(int64_t boxes_count, int64_t limit, Heap heap, int32_t* selected,
              float* selected_scores) const {
    for (int64_t i = 0; i < boxes_count; ++i) {
      if (scores[i] > score_limit) heap.push({static_cast<int32_t>(i), scores[i], 0});
    }
    const int64_t most = std::min(heap.size(), limit);
    int32_t count = 0;
    while (count < most && heap.size() > 0) {
      Candidate next = heap.pop();
      const float score = next.score;
      const bool removed = removes(next, selected, count);
      next.compared = count;
      if (removed) continue;
      if (next.score == score) {
        selected[count] = next.index;
        if (selected_scores != nullptr) selected_scores[count] = next.score;
        ++count;
      }
      // A selected box comes back too; it overlaps itself and is removed then.
      if (next.score > score_limit) heap.push(next);
    }
    return count;
  }
};

}  // namespace

Kernel prepare_non_max_suppression(const PrepareArgs& args) {
  const bool soft = args.op.type == OpType::non_max_suppression_v5;
  const Operand& boxes = args.input(0);
  const Operand& scores = args.input(1);
  const Operand& selected = args.output(0);
  const Operand& valid = args.output(soft ? 2 : 1);
  require_type(boxes, {DataType::float32});
  require_rank(boxes, 2, 2);
  require_type(scores, {DataType::float32});
  require_shape(boxes, {boxes.shape[0], 4});
  require_shape(scores, {boxes.shape[0]});
  for (size_t i = 3; i < (soft ? 6u : 5u); ++i) {
    require_type(args.input(i), {DataType::float32});
    if (args.input(i).shape.elements() != 1) {
      fail(ErrorKind::bad_file, "{} must be one value", args.input(i).name);
    }
  }
  require_type(selected, {DataType::int32});
  require_rank(selected, 1, 1);
  require_type(valid, {DataType::int32});
  if (valid.shape.elements() != 1) fail(ErrorKind::bad_file, "{} must be one value", valid.name);
  if (soft) {
    require_type(args.output(1), {DataType::float32});
    require_shape(args.output(1), selected.shape);
  }
  const int64_t count = boxes.shape[0];
  const int64_t limit = selected.shape[0];
  return {[=](const InvokeArgs& run) {
            auto* indices = run.out<int32_t>(0);
            float* kept = soft ? run.out<float>(1) : nullptr;
            const Suppression suppression{run.in<float>(0), run.in<float>(1), run.in<float>(3)[0],
                                          run.in<float>(4)[0], soft ? run.in<float>(5)[0] : 0.0f};
            const int32_t found = suppression.run(
                count, limit, Heap(reinterpret_cast<Candidate*>(run.scratch)), indices, kept);
            std::fill(indices + found, indices + limit, 0);
            if (soft) std::fill(kept + found, kept + limit, 0.0f);
            *run.out<int32_t>(soft ? 2 : 1) = found;
          },
          checked_mul(count, static_cast<int64_t>(sizeof(Candidate)), "scratch of boxes")};
}

}  // namespace smelt
