#include "smelt/kernels/detection.h"

#include <algorithm>
#include <cmath>

#include "smelt/kernels/operands.h"
#include "smelt/ops/flex_options.h"

namespace smelt {
namespace {

struct Box {
  float low_y, low_x, high_y, high_x;
};

float area(const Box& box) { return (box.high_y - box.low_y) * (box.high_x - box.low_x); }

float overlap(const Box& a, const Box& b) {
  if (area(a) <= 0 || area(b) <= 0) return 0.0f;
  const float height = std::min(a.high_y, b.high_y) - std::max(a.low_y, b.low_y);
  const float width = std::min(a.high_x, b.high_x) - std::max(a.low_x, b.low_x);
  const float common = std::max(height, 0.0f) * std::max(width, 0.0f);
  return common / (area(a) + area(b) - common);
}

/// A detected object: box, class and score.
struct Detection {
  int32_t box, label;
  float score;
};

struct Settings {
  int64_t boxes = 0;      ///< N
  int64_t code = 4;       ///< numbers of an encoding, of which the first 4 count
  int64_t labels = 0;     ///< classes without the background
  int64_t columns = 0;    ///< C
  int64_t most = 0;       ///< max_detections
  int64_t per_box = 1;    ///< classes reported for each box
  int64_t per_class = 0;  ///< boxes kept for each class
  bool per_class_suppression = false;
  float score_limit = 0, overlap_limit = 0;
  float scale_y = 1, scale_x = 1, scale_h = 1, scale_w = 1;
  bool stored = false;  ///< operands are uint8
  double scale[3] = {};
  float zero[3] = {};

  int64_t offset() const { return columns - labels; }
};

/// Memory of one invocation, sized for the most that can happen.
struct Workspace {
  Box* decoded;           // N
  float* scores;          // N * C, of uint8 operands
  float* best;            // N
  int32_t* order;         // max(N, labels)
  int32_t* labels;        // N * per_box
  uint8_t* active;        // N
  int32_t* selected;      // N
  Detection* detections;  // most + per_class

  static int64_t bytes(const Settings& s) {
    const int64_t per_row = 16 + 4 * s.columns + 4 + 4 + 4 * s.per_box + 4 + 4;
    return checked_mul(s.boxes, per_row, "scratch of boxes") + 4 * s.labels +
           (s.most + s.per_class) * static_cast<int64_t>(sizeof(Detection)) + 64;
  }
  Workspace(const Settings& s, std::byte* memory) {
    const auto take = [&memory](auto*& pointer, int64_t count) {
      pointer = reinterpret_cast<std::remove_reference_t<decltype(pointer)>>(memory);
      memory += count * static_cast<int64_t>(sizeof(*pointer));
    };
    take(decoded, s.boxes);
    take(detections, s.most + s.per_class);
    take(scores, s.stored ? s.boxes * s.columns : 0);
    take(best, s.boxes);
    take(order, std::max(s.boxes, s.labels));
    take(labels, s.boxes * s.per_box);
    take(selected, s.boxes);
    take(active, s.boxes);
  }
};

double value_at(const Settings& s, const InvokeArgs& run, size_t operand, int64_t index) {
  if (!s.stored) return run.in<float>(operand)[index];
  const float stored = run.in<uint8_t>(operand)[index];
  return (stored - s.zero[operand]) * static_cast<float>(s.scale[operand]);
}

void decode(const Settings& s, const InvokeArgs& run, Box* decoded) {
  for (int64_t i = 0; i < s.boxes; ++i) {
    const auto code = [&](int64_t k) { return value_at(s, run, 0, i * s.code + k); };
    const auto anchor = [&](int64_t k) { return value_at(s, run, 2, i * 4 + k); };
    const auto y = static_cast<float>(code(0) / double{s.scale_y} * anchor(2) + anchor(0));
    const auto x = static_cast<float>(code(1) / double{s.scale_x} * anchor(3) + anchor(1));
    const auto h = static_cast<float>(0.5 * std::exp(code(2) / double{s.scale_h}) * anchor(2));
    const auto w = static_cast<float>(0.5 * std::exp(code(3) / double{s.scale_w}) * anchor(3));
    decoded[i] = {y - h, x - w, y + h, x + w};
  }
}

/// Keeps boxes from the best score down that overlap none kept before; returns how many.
int64_t suppress(const Settings& s, Workspace& w, int64_t limit) {
  int64_t kept = 0;
  for (int64_t i = 0; i < s.boxes; ++i) {
    if (w.best[i] >= s.score_limit) w.order[kept++] = static_cast<int32_t>(i);
  }
  std::sort(w.order, w.order + kept, [&](int32_t a, int32_t b) {
    return w.best[a] > w.best[b] || (!(w.best[b] > w.best[a]) && a < b);
  });
  std::fill_n(w.active, kept, uint8_t{1});
  int64_t count = 0;
  for (int64_t i = 0; i < kept && count < std::min(limit, kept); ++i) {
    if (w.active[i] == 0) continue;
    w.selected[count++] = w.order[i];
    for (int64_t j = i + 1; j < kept; ++j) {
      if (w.active[j] != 0 &&
          overlap(w.decoded[w.order[i]], w.decoded[w.order[j]]) > s.overlap_limit) {
        w.active[j] = 0;
      }
    }
  }
  return count;
}

/// Every class by itself; the best of all classes remain.
int64_t detect_by_class(const Settings& s, const float* scores, Workspace& w) {
  int64_t found = 0;
  const int64_t per_class = std::min(s.per_class, s.most);
  for (int64_t label = 0; label < s.labels; ++label) {
    for (int64_t i = 0; i < s.boxes; ++i) w.best[i] = scores[i * s.columns + label + s.offset()];
    const int64_t count = suppress(s, w, per_class);
    // Equal scores stay in the order of classes.
    for (int64_t i = 0; i < count; ++i) {
      const Detection d{w.selected[i], static_cast<int32_t>(label), w.best[w.selected[i]]};
      Detection* end = w.detections + found + i;
      Detection* place = std::upper_bound(
          w.detections, end, d,
          [](const Detection& l, const Detection& r) { return l.score > r.score; });
      std::move_backward(place, end, end + 1);
      *place = d;
    }
    found = std::min(found + count, s.most);
  }
  return found;
}

void find_best_labels(const Settings& s, const float* scores, Workspace& w) {
  for (int64_t i = 0; i < s.boxes; ++i) {
    const float* row = scores + i * s.columns + s.offset();
    if (s.per_box == 1) {
      w.labels[i] = static_cast<int32_t>(std::max_element(row, row + s.labels) - row);
    } else {
      for (int64_t label = 0; label < s.labels; ++label) {
        w.order[label] = static_cast<int32_t>(label);
      }
      std::partial_sort(w.order, w.order + s.per_box, w.order + s.labels,
                        [row](int32_t a, int32_t b) { return row[a] > row[b]; });
      std::copy_n(w.order, s.per_box, w.labels + i * s.per_box);
    }
    w.best[i] = row[w.labels[i * s.per_box]];
  }
}

void write(const InvokeArgs& run, int64_t place, const Box& box, int64_t label, float score) {
  std::memcpy(run.out<float>(0) + 4 * place, &box, sizeof(box));
  run.out<float>(1)[place] = static_cast<float>(label);
  run.out<float>(2)[place] = score;
}

void detect(const Settings& s, int64_t results, const InvokeArgs& run) {
  Workspace w(s, run.scratch);
  decode(s, run, w.decoded);
  const float* scores = run.in<float>(1);
  if (s.stored) {
    for (int64_t i = 0; i < s.boxes * s.columns; ++i) {
      w.scores[i] = static_cast<float>(s.scale[1] * double{run.in<uint8_t>(1)[i] - s.zero[1]});
    }
    scores = w.scores;
  }
  for (int64_t i = 0; i < results; ++i) write(run, i, {}, 0, 0.0f);
  int64_t found = 0;
  if (s.per_class_suppression) {
    found = detect_by_class(s, scores, w);
    for (int64_t i = 0; i < std::min(found, results); ++i) {
      const Detection& d = w.detections[i];
      write(run, i, w.decoded[d.box], d.label, d.score);
    }
  } else {
    find_best_labels(s, scores, w);
    found = suppress(s, w, s.most);
    for (int64_t i = 0; i < found; ++i) {
      const int64_t box = w.selected[i];
      for (int64_t k = 0; k < s.per_box; ++k) {
        const int32_t label = w.labels[box * s.per_box + k];
        write(run, results / s.most * i + k, w.decoded[box], label,
              scores[box * s.columns + s.offset() + label]);
      }
    }
  }
  *run.out<float>(3) = static_cast<float>(found);
}

Settings make_settings(const PrepareArgs& args) {
  const FlexOptions o(attributes_of<CustomAttributes>(args));
  const Operand& boxes = args.input(0);
  const Operand& scores = args.input(1);
  const Operand& anchors = args.input(2);
  require_rank(boxes, 3, 3);
  require_type(boxes, {DataType::float32, DataType::uint8});
  if (boxes.shape[0] != 1 || boxes.shape[2] < 4) {
    fail(ErrorKind::bad_file, "box encodings have shape {}", to_string(boxes.shape));
  }
  require_rank(scores, 3, 3);
  require_shape(scores, {1, boxes.shape[1], scores.shape[2]});
  require_shape(anchors, {boxes.shape[1], 4});
  const auto number = [&](std::string_view name) { return o.number(name); };
  Settings s{.boxes = boxes.shape[1],
             .code = boxes.shape[2],
             .labels = o.integer("num_classes"),
             .columns = scores.shape[2],
             .most = o.integer("max_detections"),
             .per_box = o.integer("max_classes_per_detection"),
             .per_class = o.integer("detections_per_class", 100),
             .per_class_suppression = o.boolean("use_regular_nms"),
             .score_limit = number("nms_score_threshold"),
             .overlap_limit = number("nms_iou_threshold"),
             .scale_y = number("y_scale"),
             .scale_x = number("x_scale"),
             .scale_h = number("h_scale"),
             .scale_w = number("w_scale"),
             .stored = boxes.type == DataType::uint8};
  if (s.labels < 1 || s.offset() < 0 || s.offset() > 1 || s.most < 1 || s.per_box < 1 ||
      s.per_class < 1 || !(s.overlap_limit > 0.0f && s.overlap_limit <= 1.0f)) {
    fail(ErrorKind::bad_file,
         "{} classes in {} columns, {} detections of {} classes, overlap {} make no sense",
         s.labels, s.columns, s.most, s.per_box, s.overlap_limit);
  }
  for (size_t i = 0; i < 3; ++i) {
    require_same_type(args.input(i), boxes);
    if (!s.stored) continue;
    require_per_tensor(args.input(i));
    s.scale[i] = scale_of(args.input(i));
    s.zero[i] = static_cast<float>(zero_of(args.input(i)));
  }
  return s;
}

}  // namespace

Kernel prepare_detection(const PrepareArgs& args) {
  Settings s = make_settings(args);
  const int64_t results = checked_mul(s.most, s.per_box, "detections");
  s.per_box = std::min(s.per_box, s.labels);
  const int64_t shapes[] = {checked_mul(results, 4, "boxes"), results, results, 1};
  for (size_t i = 0; i < 4; ++i) {
    require_type(args.output(i), {DataType::float32});
    if (args.output(i).shape.elements() != shapes[i]) {
      fail(ErrorKind::bad_file, "{} has shape {}, expected {} values", args.output(i).name,
           to_string(args.output(i).shape), shapes[i]);
    }
  }
  return {[s, results](const InvokeArgs& run) { detect(s, results, run); }, Workspace::bytes(s)};
}

}  // namespace smelt
