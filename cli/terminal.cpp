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

Progress Terminal::progress() {
  const bool show = !quiet_ && isatty(fileno(err_)) != 0;
  return [this, show](std::string_view stage, int64_t done, int64_t total) {
    if (show) draw(stage, done, total);
    return !interrupted();
  };
}

void Terminal::draw(std::string_view stage, int64_t done, int64_t total) {
  const auto now = std::chrono::steady_clock::now();
  if (stage != stage_) {
    stage_ = stage;
    stage_start_ = now;
  } else if (now - last_drawn_ < kRedrawInterval && done != total) {
    return;
  }
  last_drawn_ = now;
  const double seconds = std::chrono::duration<double>(now - stage_start_).count();
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
