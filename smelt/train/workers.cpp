#include "smelt/train/workers.h"

#include <algorithm>

namespace smelt::train {
namespace {

/// Some ten microseconds: longer than the serial code between two parallel parts of a step.
constexpr int kSpins = 4000;

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

Workers::Workers(int threads) {
  for (int worker = 1; worker < threads; ++worker)
    others_.emplace_back([=, this] { serve(worker); });
}

Workers::~Workers() {
  stop_.store(true);
  round_.fetch_add(1);
  round_.notify_all();
  for (std::thread& thread : others_) thread.join();
}

void Workers::take_tasks(int worker) {
  for (int64_t task = next_.fetch_add(1); task < tasks_; task = next_.fetch_add(1)) {
    (*body_)(worker, task);
  }
}

void Workers::serve(int worker) {
  uint32_t seen = 0;
  while (true) {
    for (int i = 0; i < kSpins && round_.load(std::memory_order_acquire) == seen; ++i) pause();
    round_.wait(seen, std::memory_order_acquire);
    seen = round_.load(std::memory_order_acquire);
    if (stop_.load()) return;
    take_tasks(worker);
    if (busy_.fetch_sub(1, std::memory_order_acq_rel) == 1) busy_.notify_all();
  }
}

void Workers::run(int64_t tasks, const std::function<void(int, int64_t)>& body) {
  if (others_.empty() || tasks <= 1) {
    for (int64_t task = 0; task < tasks; ++task) body(0, task);
    return;
  }
  body_ = &body;
  tasks_ = tasks;
  next_.store(0, std::memory_order_relaxed);
  busy_.store(static_cast<int>(others_.size()), std::memory_order_relaxed);
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
  take_tasks(0);
  for (int i = 0; i < kSpins && busy_.load(std::memory_order_acquire) != 0; ++i) pause();
  for (int left = busy_.load(std::memory_order_acquire); left != 0;
       left = busy_.load(std::memory_order_acquire)) {
    busy_.wait(left, std::memory_order_acquire);
  }
}

}  // namespace smelt::train
