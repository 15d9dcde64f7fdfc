#include "terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <csignal>

namespace smelt::cli {
namespace {

volatile std::sig_atomic_t g_interrupted = 0;

void on_interrupt(int signal) {
  g_interrupted = 1;
  std::signal(signal, SIG_DFL);
}

constexpr auto kRedrawInterval = std::chrono::milliseconds(100);
constexpr int kBarWidth = 24;

std::string bar(double share) {
  const int filled = static_cast<int>(share * kBarWidth);
  return std::string(static_cast<size_t>(filled), '#') +
         std::string(static_cast<size_t>(kBarWidth - filled), '.');
}

}  // namespace

Terminal::Terminal(std::FILE* out, std::FILE* err, bool quiet)
    : out_(out), err_(err), quiet_(quiet) {}

Terminal::~Terminal() { clear_line(); }

void Terminal::write(const std::string& text) {
  if (quiet_) return;
  clear_line();
  std::fwrite(text.data(), 1, text.size(), out_);
  std::fflush(out_);
}

bool Terminal::shows_bars() const { return !quiet_ && isatty(fileno(err_)) != 0; }

Progress Terminal::progress() {
  const bool show = shows_bars();
  return [this, show](std::string_view stage, int64_t done, int64_t total) {
    if (show) draw(stage, done, total);
    return !interrupted();
  };
}

bool Terminal::training(const std::string& stage, int64_t done, int64_t total, double rate,
                        double seconds_left) {
  if (shows_bars() && due(done == total)) {
    draw_line(fmt::format("\r{} [{}] {}/{}  {:.0f}/s  {:.0f} s left", stage,
                          bar(static_cast<double>(done) / static_cast<double>(total)), done, total,
                          rate, seconds_left));
  }
  return !interrupted();
}

bool Terminal::due(bool last) {
  const auto now = std::chrono::steady_clock::now();
  if (now - last_drawn_ < kRedrawInterval && !last) return false;
  last_drawn_ = now;
  return true;
}

void Terminal::draw(std::string_view stage, int64_t done, int64_t total) {
  const bool begins = stage != stage_;
  if (begins) {
    stage_ = stage;
    stage_start_ = std::chrono::steady_clock::now();
  }
  if (!due(begins || done == total)) return;
  const double seconds = std::chrono::duration<double>(last_drawn_ - stage_start_).count();
  const double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
  std::string line = fmt::format("\r{:<12}", stage);
  if (total > 0) {
    const double left = rate > 0 ? static_cast<double>(total - done) / rate : 0;
    line += fmt::format("[{}] {}/{}  {:.0f}/s  {:.0f} s left",
                        bar(static_cast<double>(done) / static_cast<double>(total)), done, total,
                        rate, left);
  } else {
    line += fmt::format("{}  {:.0f}/s", done, rate);
  }
  draw_line(line);
}

void Terminal::draw_line(const std::string& line) {
  fmt::print(err_, "{}\033[K", line);
  std::fflush(err_);
  bar_drawn_ = true;
}

void Terminal::clear_line() {
  if (!bar_drawn_) return;
  fmt::print(err_, "\r\033[K");
  std::fflush(err_);
  bar_drawn_ = false;
}

int terminal_width() {
  winsize size{};
  if (isatty(STDOUT_FILENO) == 0 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_col;
}

void install_interrupt_handler() {
  std::signal(SIGINT, on_interrupt);
  std::signal(SIGTERM, on_interrupt);
}

bool interrupted() { return g_interrupted != 0; }

}  // namespace smelt::cli
