#include "smelt/data/select.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "smelt/base/error.h"
#include "smelt/base/random.h"

namespace smelt {
namespace {

void check_count(int64_t count) {
  if (count < 1)
    fail(ErrorKind::bad_argument, "{} samples are asked for; at least 1 is needed", count);
}

class SubsetDataset : public DatasetWrapper {
 public:
  SubsetDataset(DatasetPtr inner_dataset, std::vector<int64_t> samples, std::string how)
      : DatasetWrapper(std::move(inner_dataset)),
        samples_(std::move(samples)),
        how_(std::move(how)) {}

  int64_t size() const override { return static_cast<int64_t>(samples_.size()); }
  void read(int64_t sample, int input, std::span<float> into) const override {
    inner().read(at(sample), input, into);
  }
  Shape load(int64_t sample, int input, std::vector<float>& values) const override {
    return inner().load(at(sample), input, values);
  }
  int32_t label(int64_t sample) const override { return inner().label(at(sample)); }
  void read_target(int64_t sample, std::span<float> into) const override {
    inner().read_target(at(sample), into);
  }
  std::string description() const override {
    return fmt::format("{} {} of {}", how_, size(), inner().description());
  }

 private:
  int64_t at(int64_t sample) const {
    SMELT_CHECK(sample >= 0 && sample < size());
    return samples_[static_cast<size_t>(sample)];
  }

  std::vector<int64_t> samples_;
  std::string how_;
};

/// How many of `count` samples each class gives, by largest remainder.
std::vector<int64_t> share(const std::vector<int64_t>& class_sizes, int64_t count) {
  const int64_t total = std::accumulate(class_sizes.begin(), class_sizes.end(), int64_t{0});
  std::vector<int64_t> shares, remainders;
  for (const int64_t size : class_sizes) {
    const auto product = static_cast<__int128>(size) * count;
    shares.push_back(static_cast<int64_t>(product / total));
    remainders.push_back(static_cast<int64_t>(product % total));
  }
  std::vector<size_t> order(class_sizes.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return remainders[a] > remainders[b]; });
  const int64_t given = std::accumulate(shares.begin(), shares.end(), int64_t{0});
  for (size_t i = 0; i < static_cast<size_t>(count - given); ++i) ++shares[order[i]];
  return shares;
}

}  // namespace

std::vector<int64_t> choose_samples(const Dataset& dataset, int64_t count, uint64_t seed) {
  check_count(count);
  count = std::min(count, dataset.size());
  std::map<int32_t, std::vector<int64_t>> by_class;
  for (int64_t sample = 0; sample < dataset.size(); ++sample) {
    by_class[dataset.has_labels() ? dataset.label(sample) : 0].push_back(sample);
  }
  std::vector<int64_t> sizes;
  for (const auto& [label, samples] : by_class)
    sizes.push_back(static_cast<int64_t>(samples.size()));
  const std::vector<int64_t> shares = share(sizes, count);
  Random random(seed);
  std::vector<int64_t> chosen;
  size_t next = 0;
  for (auto& [label, samples] : by_class) {
    random.shuffle(samples);
    chosen.insert(chosen.end(), samples.begin(), samples.begin() + shares[next++]);
  }
  std::sort(chosen.begin(), chosen.end());  // files are read forwards
  return chosen;
}

DatasetPtr select(DatasetPtr dataset, int64_t count, uint64_t seed) {
  check_count(count);
  if (count >= dataset->size()) return dataset;
  std::vector<int64_t> samples = choose_samples(*dataset, count, seed);
  return std::make_shared<SubsetDataset>(std::move(dataset), std::move(samples), "a choice of");
}

DatasetPtr take_first(DatasetPtr dataset, int64_t count) {
  check_count(count);
  if (count >= dataset->size()) return dataset;
  std::vector<int64_t> samples(static_cast<size_t>(count));
  std::iota(samples.begin(), samples.end(), int64_t{0});
  return std::make_shared<SubsetDataset>(std::move(dataset), std::move(samples), "the first");
}

DatasetSplit split(const DatasetPtr& dataset, double share, uint64_t seed) {
  const int64_t size = dataset->size();
  const auto count = static_cast<int64_t>(std::llround(share * static_cast<double>(size)));
  if (!(share > 0 && share < 1) || count < 1 || count >= size) {
    fail(ErrorKind::bad_argument, "a share of {} of {} samples leaves nothing to one side", share,
         size);
  }
  std::vector<int64_t> chosen = choose_samples(*dataset, count, seed);
  std::vector<int64_t> others;
  size_t next = 0;
  for (int64_t sample = 0; sample < size; ++sample) {
    if (next < chosen.size() && chosen[next] == sample) {
      ++next;
    } else {
      others.push_back(sample);
    }
  }
  return {std::make_shared<SubsetDataset>(dataset, std::move(others), "all but a choice, "),
          std::make_shared<SubsetDataset>(dataset, std::move(chosen), "a choice of")};
}

}  // namespace smelt
