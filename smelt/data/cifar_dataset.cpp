#include <algorithm>
#include <array>
#include <mutex>
#include <nlohmann/json.hpp>

#include "smelt/base/file.h"
#include "smelt/data/array_dataset.h"
#include "smelt/data/convert.h"
#include "smelt/data/image.h"
#include "smelt/data/npz_writer.h"
#include "smelt/data/sources.h"

namespace smelt {
namespace {

namespace fs = std::filesystem;

constexpr size_t kPixels = 32 * 32;
constexpr size_t kImageBytes = 3 * kPixels;
constexpr size_t kRecordBytes = 1 + kImageBytes;
constexpr std::array<std::string_view, 10> kClasses = {
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"};

int32_t checked_label(int64_t label, size_t sample, const fs::path& path) {
  if (label < 0 || label >= static_cast<int64_t>(kClasses.size())) {
    fail(ErrorKind::bad_file, "{}: the label of sample {} is {}; CIFAR-10 has 0 to 9",
         path.string(), sample, label);
  }
  return static_cast<int32_t>(label);
}

/// What both forms share: labels in memory, and samples counted across batches.
class CifarDataset : public Dataset {
 public:
  int64_t size() const override { return static_cast<int64_t>(labels_.size()); }
  Shape input_shape(int) const override { return {32, 32, 3}; }
  bool holds_pixels(int) const override { return true; }
  bool has_labels() const override { return true; }
  int32_t class_count() const override { return static_cast<int32_t>(kClasses.size()); }

  int32_t label(int64_t sample) const override {
    SMELT_CHECK(sample >= 0 && sample < size());
    return labels_[static_cast<size_t>(sample)];
  }

  std::vector<std::string> class_names() const override { return cifar10_class_names(); }

  void read(int64_t sample, int input, std::span<float> into) const override {
    SMELT_CHECK(input == 0 && sample >= 0 && sample < size() && into.size() == kImageBytes);
    const auto end = std::upper_bound(batch_ends_.begin(), batch_ends_.end(), sample);
    const auto batch = static_cast<size_t>(end - batch_ends_.begin());
    read_row(batch, batch == 0 ? sample : sample - batch_ends_[batch - 1], into);
  }

  std::string description() const override {
    return fmt::format("{}: {}", name_, describe_samples(*this, DataType::uint8));
  }

 protected:
  explicit CifarDataset(std::string name) : name_(std::move(name)) {}

  void add_batch(int64_t rows) {
    batch_ends_.push_back((batch_ends_.empty() ? 0 : batch_ends_.back()) + rows);
  }

  std::vector<int32_t> labels_;
  std::vector<int64_t> batch_ends_;  ///< the number of samples up to the end of each batch

 private:
  virtual void read_row(size_t batch, int64_t row, std::span<float> into) const = 0;

  std::string name_;
};

class BinaryCifar : public CifarDataset {
 public:
  BinaryCifar(const std::vector<fs::path>& batches, std::string name)
      : CifarDataset(std::move(name)) {
    for (const fs::path& path : batches) {
      const auto file = RandomAccessFile::open(path);
      const auto records =
          static_cast<int32_t>(std::min<uint64_t>(file->size() / kRecordBytes, 0x7fffffff));
      if (records == 0 || file->size() % kRecordBytes != 0) {
        fail(ErrorKind::bad_file,
             "{} has {} bytes, not a whole number of records of {}: it is cut, "
             "or no CIFAR-10 batch",
             path.string(), file->size(), kRecordBytes);
      }
      const Rows& rows = batches_.emplace_back(file, 0, DataType::uint8,
                                               Shape{records, static_cast<int32_t>(kRecordBytes)});
      read_labels(rows, path);
      add_batch(records);
    }
  }

 private:
  void read_labels(const Rows& rows, const fs::path& path) {
    constexpr int64_t kStep = 256;
    std::vector<uint8_t> scratch;
    for (int64_t first = 0; first < rows.count(); first += kStep) {
      const int64_t count = std::min(kStep, rows.count() - first);
      const ByteView bytes = rows.view(first, count, scratch);
      for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
        labels_.push_back(
            checked_label(bytes[i * kRecordBytes], static_cast<size_t>(first) + i, path));
      }
    }
  }

  void read_row(size_t batch, int64_t row, std::span<float> into) const override {
    thread_local std::vector<uint8_t> scratch;
    const uint8_t* planes = batches_[batch].view(row, 1, scratch).data() + 1;
    for (size_t i = 0; i < kPixels; ++i) {
      into[3 * i] = planes[i];
      into[3 * i + 1] = planes[kPixels + i];
      into[3 * i + 2] = planes[2 * kPixels + i];
    }
  }

  std::vector<Rows> batches_;
};

Image decode_batch(const fs::path& path) {
  Image image = read_image(path);
  if (image.width != static_cast<int>(kPixels) || image.channels != 3) {
    fail(ErrorKind::bad_file, "{} is {}x{}x{}; a batch has 1024 RGB pixels per row", path.string(),
         image.height, image.width, image.channels);
  }
  return image;
}

std::vector<int32_t> read_label_list(const fs::path& path) {
  const auto file = MappedFile::open(path);
  const ByteView bytes = file->bytes();
  const auto list = nlohmann::json::parse(bytes.begin(), bytes.end(), nullptr, false);
  if (!list.is_array()) {
    fail(ErrorKind::bad_file, "{} is not a JSON list of labels", path.string());
  }
  std::vector<int32_t> labels;
  for (const auto& value : list) {
    if (!value.is_number_integer()) {
      fail(ErrorKind::bad_file, "{}: entry {} is not a whole number", path.string(), labels.size());
    }
    labels.push_back(checked_label(value.get<int64_t>(), labels.size(), path));
  }
  return labels;
}

class PngCifar : public CifarDataset {
 public:
  PngCifar(const std::vector<fs::path>& batches, const fs::path& labels, std::string name)
      : CifarDataset(std::move(name)), paths_(batches), decoded_(batches.size()) {
    for (const fs::path& path : paths_) {
      const auto file = MappedFile::open(path);
      int height = 0, width = 0;
      with_context([&] { return fmt::format("while reading {}", path.string()); },
                   [&] { read_png_size(file->bytes(), height, width); });
      add_batch(height);
    }
    labels_ = read_label_list(labels);
    if (labels_.empty() || size() != batch_ends_.back()) {
      fail(ErrorKind::bad_file, "{} holds {} labels for {} images", labels.string(), size(),
           batch_ends_.back());
    }
  }

 private:
  struct Batch {
    std::once_flag once;
    Image image;
  };

  void read_row(size_t batch, int64_t row, std::span<float> into) const override {
    Batch& one = decoded_[batch];
    std::call_once(one.once, [&] { one.image = decode_batch(paths_[batch]); });
    const ByteView pixels(one.image.pixels);
    to_float(DataType::uint8, pixels.subspan(static_cast<size_t>(row) * kImageBytes, kImageBytes),
             into);
  }

  std::vector<fs::path> paths_;
  mutable std::vector<Batch> decoded_;
};

struct PngSplit {
  std::vector<fs::path> batches;
  fs::path labels;
};

/// The batches that there are, in order.
std::vector<fs::path> existing_batches(const fs::path& folder, std::string_view split,
                                       std::string_view suffix) {
  std::vector<fs::path> found;
  if (split == "test") {
    found.push_back(folder / fmt::format("test_batch{}", suffix));
  } else if (split == "train") {
    for (int i = 1; i <= 5; ++i)
      found.push_back(folder / fmt::format("data_batch_{}{}", i, suffix));
  }
  std::erase_if(found, [](const fs::path& path) { return !path_exists(path); });
  return found;
}

PngSplit find_png_split(const fs::path& folder, std::string_view split) {
  PngSplit found{existing_batches(folder, split, ".png"), {}};
  // The package's own spelling first.
  for (const std::string_view word : {"lables", "labels"}) {
    const fs::path labels = folder / fmt::format("{}_{}.json", split, word);
    if (path_exists(labels)) {
      found.labels = labels;
      return found;
    }
  }
  found.batches.clear();
  return found;
}

}  // namespace

DatasetPtr open_cifar_binary(const std::vector<fs::path>& batches, std::string name) {
  SMELT_CHECK(!batches.empty());
  return std::make_shared<BinaryCifar>(batches, std::move(name));
}

DatasetPtr open_cifar_png(const std::vector<fs::path>& batches, const fs::path& labels,
                          std::string name) {
  SMELT_CHECK(!batches.empty());
  return std::make_shared<PngCifar>(batches, labels, std::move(name));
}

DatasetPtr open_cifar_folder(const fs::path& folder, std::string_view split) {
  const std::string name = fmt::format("{}:{}", folder.string(), split);
  const auto binary = existing_batches(folder, split, ".bin");
  if (!binary.empty()) return open_cifar_binary(binary, name);
  const PngSplit png = find_png_split(folder, split);
  return png.batches.empty() ? nullptr : open_cifar_png(png.batches, png.labels, name);
}

std::vector<std::string> cifar10_class_names() { return {kClasses.begin(), kClasses.end()}; }

void convert_cifar_png(const fs::path& from, const fs::path& to) {
  for (const std::string_view split : {"train", "test"}) {
    const PngSplit png = find_png_split(from, split);
    if (png.batches.empty()) {
      fail(ErrorKind::bad_file, "{} lacks the {} batches or their labels", from.string(), split);
    }
    const std::vector<int32_t> labels = read_label_list(png.labels);
    const std::vector<uint8_t> y(labels.begin(), labels.end());
    const auto count = static_cast<int32_t>(labels.size());
    NpzWriter writer(to / fmt::format("{}.npz", split));
    const int x = writer.add("x", DataType::uint8, {count, 32, 32, 3});
    writer.add("y", {DataType::uint8, {count}, Buffer::of(y)});
    int32_t sample = 0;
    for (const fs::path& path : png.batches) {
      const Image image = decode_batch(path);
      if (image.height <= count - sample) writer.write(x, sample, image.pixels);
      sample += image.height;
    }
    if (sample != count) {
      fail(ErrorKind::bad_file, "{} holds {} labels for {} images", png.labels.string(), count,
           sample);
    }
    writer.commit();
  }
}

}  // namespace smelt
