#include "smelt/data/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "smelt/base/error.h"

extern char** environ;

namespace smelt {
namespace {

constexpr size_t kShownOutput = 600;
constexpr size_t kKeptOutput = size_t{1} << 20;

class SpawnActions {
 public:
  SpawnActions() { posix_spawn_file_actions_init(&actions_); }
  ~SpawnActions() { posix_spawn_file_actions_destroy(&actions_); }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
  posix_spawn_file_actions_t* get() { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

/// A running program and the reading end of its output.
class Child {
 public:
  Child(const std::vector<std::string>& arguments, const std::filesystem::path& folder,
        std::string_view cure) {
    std::array<int, 2> pipe{};
    if (::pipe2(pipe.data(), O_CLOEXEC) != 0) {
      fail(ErrorKind::io, "cannot run {}: {}", arguments[0], std::strerror(errno));
    }
    output_ = pipe[0];
    SpawnActions actions;
    posix_spawn_file_actions_addopen(actions.get(), 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(actions.get(), pipe[1], 1);
    posix_spawn_file_actions_adddup2(actions.get(), pipe[1], 2);
    posix_spawn_file_actions_addchdir_np(actions.get(), folder.c_str());
    std::vector<char*> argv;
    for (const std::string& argument : arguments)
      argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    const int code = ::posix_spawnp(&id_, argv[0], actions.get(), nullptr, argv.data(), environ);
    ::close(pipe[1]);
    if (code == 0) return;
    ::close(output_);
    if (code == ENOENT) fail(ErrorKind::io, "{} is not installed; {}", arguments[0], cure);
    fail(ErrorKind::io, "cannot run {}: {}", arguments[0], std::strerror(code));
  }

  ~Child() {
    ::close(output_);
    if (id_ <= 0) return;
    ::kill(id_, SIGTERM);
    wait();
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// Appends what the program printed within 200 ms; false when it will print no more.
  bool read_some(std::string& text) {
    pollfd ready{output_, POLLIN, 0};
    if (::poll(&ready, 1, 200) <= 0) return true;
    std::array<char, 4096> piece{};
    const ssize_t count = ::read(output_, piece.data(), piece.size());
    if (count < 0 && errno == EINTR) return true;
    if (count > 0) text.append(piece.data(), static_cast<size_t>(count));
    return count > 0;
  }

  /// The exit status, or 128 + the signal that ended the program.
  int wait() {
    int status = 0;
    while (::waitpid(id_, &status, 0) < 0 && errno == EINTR) {
    }
    id_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  pid_t id_ = -1;
  int output_ = -1;
};

}  // namespace

std::string run_program(const std::vector<std::string>& arguments,
                        const std::filesystem::path& folder, std::string_view cure,
                        std::string_view stage, const Progress& progress) {
  Child child(arguments, folder, cure);
  std::string output;
  int64_t printed = 0;
  for (bool more = true; more;) {
    const size_t before = output.size();
    more = child.read_some(output);
    printed += static_cast<int64_t>(output.size() - before);
    if (output.size() > kKeptOutput) output.erase(0, output.size() - kKeptOutput / 2);
    if (progress && !progress(stage, printed, 0)) fail(ErrorKind::io, "interrupted");
  }
  const int status = child.wait();
  if (status == 0) return output;
  std::string command;
  for (const std::string& argument : arguments) command += (command.empty() ? "" : " ") + argument;
  if (output.size() > kShownOutput) output.erase(0, output.size() - kShownOutput);
  fail(ErrorKind::io, "'{}' failed with status {}:\n{}", command, status, output);
}

}  // namespace smelt
