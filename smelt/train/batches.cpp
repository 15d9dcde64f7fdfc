#include "smelt/train/batches.h"

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <numeric>
#include <thread>

#include "smelt/base/error.h"
#include "smelt/train/sample_cache.h"

namespace smelt::train {
namespace {

/// Batches that are ready or being made, besides one for each worker.
constexpr int64_t kAhead = 3;

bool is_image(const Shape& shape) { return shape.rank() == 3; }

}  // namespace

uint64_t mix_seed(uint64_t seed, uint64_t a, uint64_t b) {
  Random random(seed);
  random = Random(random.next() ^ a);
  random = Random(random.next() ^ b);
  return random.next();
}

struct BatchStream::State {
  State(DatasetPtr data, const BatchOptions& given)
      : dataset(std::move(data)), options(given), cache(dataset, given.cache_bytes) {
    if (options.batch < 1) fail(ErrorKind::bad_argument, "a batch needs at least one sample");
    options.augment.check();
    bool images = false;
    for (int i = 0; i < dataset->inputs(); ++i) images |= is_image(dataset->input_shape(i));
    if (!options.augment.empty() && !images) {
      fail(ErrorKind::bad_argument,
           "augmentation changes images [H,W,C]; the data has samples {}; leave --augment out",
           to_string(dataset->input_shape(0)));
    }
    per_epoch = (dataset->size() + options.batch - 1) / options.batch;
    taken = options.first_batch;
    claimed = taken;
    slots.resize(static_cast<size_t>(kAhead + std::max(options.workers, 1)));
    for (int i = 0; i < std::max(options.workers, 1); ++i) {
      threads.emplace_back([this] { work(); });
    }
  }

  ~State() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    free.notify_all();
    for (std::thread& thread : threads) thread.join();
  }

  struct Slot {
    int64_t batch_number = -1;  ///< of what is ready in it
    Batch batch;
    std::exception_ptr error;
  };

  Slot& slot(int64_t number) { return slots[static_cast<size_t>(number) % slots.size()]; }

  /// The order of an epoch's samples.
  std::shared_ptr<const std::vector<int64_t>> order_of(int64_t epoch) {
    const std::lock_guard lock(order_mutex);
    auto& order = orders[options.shuffle ? epoch : 0];
    if (order == nullptr) {
      std::vector<int64_t> samples(static_cast<size_t>(dataset->size()));
      std::iota(samples.begin(), samples.end(), int64_t{0});
      if (options.shuffle) Random(mix_seed(options.seed, 1, epoch_key(epoch))).shuffle(samples);
      order = std::make_shared<const std::vector<int64_t>>(std::move(samples));
    }
    auto result = order;
    while (orders.size() > 2) orders.erase(orders.begin());
    return result;
  }

  static uint64_t epoch_key(int64_t epoch) { return static_cast<uint64_t>(epoch); }

  void fill_input(int64_t sample, int input, int64_t epoch, std::span<float> into,
                  std::vector<float>& scratch) {
    const std::span<const float> values = cache.read(sample, input, scratch);
    const Shape shape = dataset->input_shape(input);
    if (options.augment.empty() || !is_image(shape)) {
      std::copy(values.begin(), values.end(), into.begin());
      return;
    }
    const uint64_t which =
        static_cast<uint64_t>(sample) * static_cast<uint64_t>(dataset->inputs()) +
        static_cast<uint64_t>(input);
    Random random(mix_seed(options.seed + 1, epoch_key(epoch), which));
    augment_image(options.augment, options.limits, shape, values, into, random);
  }

  void fill(int64_t number, Batch& batch, std::vector<float>& scratch) {
    batch.epoch = number / per_epoch;
    batch.number = number % per_epoch;
    const auto order = order_of(batch.epoch);
    const int64_t first = batch.number * options.batch;
    batch.samples = std::min(options.batch, dataset->size() - first);
    const auto count = static_cast<size_t>(batch.samples);
    batch.inputs.resize(static_cast<size_t>(dataset->inputs()));
    for (int input = 0; input < dataset->inputs(); ++input) {
      const auto size = static_cast<size_t>(dataset->input_shape(input).elements());
      std::vector<float>& values = batch.inputs[static_cast<size_t>(input)];
      values.resize(count * size);
      for (size_t i = 0; i < count; ++i) {
        const int64_t sample = (*order)[static_cast<size_t>(first) + i];
        fill_input(sample, input, batch.epoch, std::span(values).subspan(i * size, size), scratch);
      }
    }
    fill_answers({order->data() + first, count}, batch);
  }

  void fill_answers(std::span<const int64_t> samples, Batch& batch) const {
    if (dataset->has_labels()) {
      batch.labels.clear();
      for (const int64_t sample : samples) batch.labels.push_back(dataset->label(sample));
    }
    if (!dataset->has_targets()) return;
    const auto size = static_cast<size_t>(dataset->target_shape().elements());
    batch.targets.resize(samples.size() * size);
    for (size_t i = 0; i < samples.size(); ++i) {
      dataset->read_target(samples[i], std::span(batch.targets).subspan(i * size, size));
    }
  }

  void work() {
    std::vector<float> scratch;
    std::unique_lock lock(mutex);
    while (true) {
      free.wait(lock,
                [&] { return stopping || claimed < taken + static_cast<int64_t>(slots.size()); });
      if (stopping) return;
      const int64_t number = claimed++;
      Slot& mine = slot(number);
      lock.unlock();
      std::exception_ptr error;
      try {
        fill(number, mine.batch, scratch);
      } catch (...) {
        error = std::current_exception();
      }
      lock.lock();
      mine.error = error;
      mine.batch_number = number;
      ready.notify_all();
    }
  }

  const Batch& next() {
    std::unique_lock lock(mutex);
    if (handed_out) {
      ++taken;
      free.notify_all();
    }
    handed_out = true;
    Slot& mine = slot(taken);
    ready.wait(lock, [&] { return mine.batch_number == taken; });
    if (mine.error) std::rethrow_exception(mine.error);
    return mine.batch;
  }

  DatasetPtr dataset;
  BatchOptions options;
  SampleCache cache;
  int64_t per_epoch = 0;

  std::mutex order_mutex;
  std::map<int64_t, std::shared_ptr<const std::vector<int64_t>>> orders;

  std::mutex mutex;
  std::condition_variable free, ready;
  int64_t taken = 0;    ///< the batch that the caller reads
  int64_t claimed = 0;  ///< the first one that nobody makes yet
  bool handed_out = false;
  bool stopping = false;
  std::vector<Slot> slots;
  std::vector<std::thread> threads;
};

BatchStream::BatchStream(DatasetPtr dataset, const BatchOptions& options)
    : state_(std::make_unique<State>(std::move(dataset), options)) {}
BatchStream::~BatchStream() = default;

int64_t BatchStream::batches_per_epoch() const { return state_->per_epoch; }
const Batch& BatchStream::next() { return state_->next(); }

ValueLimits value_limits(const Dataset& dataset, int64_t samples) {
  if (dataset.holds_pixels(0)) return {0, 255};
  std::vector<float> values(static_cast<size_t>(dataset.input_shape(0).elements()));
  ValueLimits limits{values.empty() ? 0 : INFINITY, values.empty() ? 1 : -INFINITY};
  const int64_t step = std::max<int64_t>(1, dataset.size() / samples);
  for (int64_t sample = 0; sample < dataset.size(); sample += step) {
    dataset.read(sample, 0, values);
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    limits.low = std::min(limits.low, *low);
    limits.high = std::max(limits.high, *high);
  }
  return limits;
}

}  // namespace smelt::train
