#include "smelt/data/array_dataset.h"

#include <algorithm>

#include "smelt/data/convert.h"

namespace smelt {
namespace {

/// Labels and class counts are kept in memory; a network with more outputs than this is not ours.
constexpr int64_t kMaxClasses = 1 << 20;
constexpr int64_t kPieceBytes = 1 << 20;

/// Calls body(first row, rows, bytes) for pieces of about 1 MiB, so that memory stays flat.
template <class Body>
void for_each_piece(const Rows& rows, Body body) {
  const auto row_bytes = static_cast<int64_t>(std::max<size_t>(rows.row_bytes(), 1));
  const int64_t step = std::max<int64_t>(1, kPieceBytes / row_bytes);
  std::vector<uint8_t> scratch;
  for (int64_t first = 0; first < rows.count(); first += step) {
    const int64_t count = std::min(step, rows.count() - first);
    if (!body(first, count, rows.view(first, count, scratch))) return;
  }
}

int32_t checked_label(int64_t value, int64_t sample) {
  if (value < 0 || value >= kMaxClasses) {
    fail(ErrorKind::bad_file, "the label of sample {} is {}; labels count classes from 0", sample,
         value);
  }
  return static_cast<int32_t>(value);
}

std::vector<int32_t> read_labels(const Rows& y) {
  std::vector<int32_t> labels;
  labels.reserve(static_cast<size_t>(y.count()));
  for_each_piece(y, [&](int64_t, int64_t, ByteView bytes) {
    for (const int64_t value : to_int64(y.type(), bytes)) {
      labels.push_back(checked_label(value, static_cast<int64_t>(labels.size())));
    }
    return true;
  });
  return labels;
}

/// Empty where a row is not one-hot.
std::vector<int32_t> read_one_hot(const Rows& y) {
  std::vector<int32_t> labels;
  std::vector<float> values;
  bool one_hot = true;
  const auto classes = static_cast<size_t>(y.row_elements());
  for_each_piece(y, [&](int64_t, int64_t count, ByteView bytes) {
    values.resize(static_cast<size_t>(count) * classes);
    to_float(y.type(), bytes, values);
    for (auto row = values.begin(); row != values.end() && one_hot;
         row += static_cast<ptrdiff_t>(classes)) {
      const auto end = row + static_cast<ptrdiff_t>(classes);
      const auto one = std::find(row, end, 1.0f);
      one_hot = one != end && std::count(row, end, 0.0f) == static_cast<ptrdiff_t>(classes) - 1;
      if (one_hot) labels.push_back(static_cast<int32_t>(one - row));
    }
    return one_hot;
  });
  if (!one_hot) labels.clear();
  return labels;
}

class ArrayDataset : public Dataset {
 public:
  explicit ArrayDataset(ArrayDatasetParts parts) : parts_(std::move(parts)) {}

  int64_t size() const override { return parts_.inputs[0].count(); }
  int inputs() const override { return static_cast<int>(parts_.inputs.size()); }
  Shape input_shape(int input) const override { return rows(input).row_shape(); }
  bool holds_pixels(int input) const override { return rows(input).type() == DataType::uint8; }

  void read(int64_t sample, int input, std::span<float> into) const override {
    rows(input).read_float(sample, 1, into);
  }

  bool has_labels() const override { return !parts_.answers.labels.empty(); }
  bool has_targets() const override { return parts_.answers.targets.has_value(); }

  int32_t label(int64_t sample) const override {
    SMELT_CHECK(has_labels() && sample >= 0 && sample < size());
    return parts_.answers.labels[static_cast<size_t>(sample)];
  }

  int32_t class_count() const override { return parts_.answers.class_count; }
  std::vector<std::string> class_names() const override { return parts_.class_names; }

  Shape target_shape() const override {
    SMELT_CHECK(has_targets());
    return parts_.answers.targets->row_shape();
  }

  void read_target(int64_t sample, std::span<float> into) const override {
    SMELT_CHECK(has_targets());
    parts_.answers.targets->read_float(sample, 1, into);
  }

  std::string description() const override {
    return fmt::format("{}: {}", parts_.name, describe_samples(*this, rows(0).type()));
  }

 private:
  const Rows& rows(int input) const {
    SMELT_CHECK(input >= 0 && input < inputs());
    return parts_.inputs[static_cast<size_t>(input)];
  }

  ArrayDatasetParts parts_;
};

void check_parts(ArrayDatasetParts& parts) {
  SMELT_CHECK(!parts.inputs.empty());
  const int64_t samples = parts.inputs[0].count();
  for (const Rows& rows : parts.inputs) {
    if (rows.shape().rank() == 0) {
      fail(ErrorKind::bad_file, "{} holds a scalar; samples [N, ...] are wanted", parts.name);
    }
    if (rows.count() != samples) {
      fail(ErrorKind::bad_file, "{}: the inputs have {} and {} samples", parts.name, samples,
           rows.count());
    }
    if (rows.row_elements() == 0) {
      fail(ErrorKind::bad_file, "{}: samples of shape {} hold no values", parts.name,
           to_string(rows.row_shape()));
    }
  }
  if (samples == 0) fail(ErrorKind::bad_file, "{} holds no samples", parts.name);
  Answers& answers = parts.answers;
  const int64_t answered =
      answers.targets ? answers.targets->count() : static_cast<int64_t>(answers.labels.size());
  if ((answers.targets || !answers.labels.empty()) && answered != samples) {
    fail(ErrorKind::bad_file, "{} holds {} samples, but {} labels or targets", parts.name, samples,
         answered);
  }
  if (parts.class_names.empty()) return;
  const auto named = static_cast<int32_t>(parts.class_names.size());
  if (answers.class_count > named) {
    fail(ErrorKind::bad_file, "{}: a label is {}, but there are {} classes", parts.name,
         answers.class_count - 1, named);
  }
  if (!answers.labels.empty()) answers.class_count = named;
}

}  // namespace

Answers interpret_answers(const Rows& y) {
  Answers answers;
  const Shape& shape = y.shape();
  const bool whole = !is_floating_point(y.type());
  if (whole && (shape.rank() == 1 || (shape.rank() == 2 && shape[1] == 1))) {
    answers.labels = read_labels(y);
  } else if (shape.rank() == 2 && shape[1] > 1 && shape[1] <= kMaxClasses) {
    answers.labels = read_one_hot(y);
    if (!answers.labels.empty()) answers.class_count = shape[1];
  }
  if (answers.labels.empty()) {
    answers.targets = y;
  } else if (answers.class_count == 0) {
    answers.class_count = 1 + *std::max_element(answers.labels.begin(), answers.labels.end());
  }
  return answers;
}

DatasetPtr make_array_dataset(ArrayDatasetParts parts) {
  check_parts(parts);
  return std::make_shared<ArrayDataset>(std::move(parts));
}

std::string describe_samples(const Dataset& dataset, DataType type) {
  std::string text = fmt::format("{} samples of {}", dataset.size(), name(type));
  for (int input = 0; input < dataset.inputs(); ++input) {
    text += fmt::format("{} {}", input > 0 ? "," : "", to_string(dataset.input_shape(input)));
  }
  if (dataset.has_labels()) text += fmt::format(", {} classes", dataset.class_count());
  if (dataset.has_targets()) text += fmt::format(", targets {}", to_string(dataset.target_shape()));
  return text;
}

}  // namespace smelt
