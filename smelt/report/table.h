#pragma once

#include <string>
#include <vector>

namespace smelt {

/// Text in aligned columns: numbers (and what looks like them) to the right, words to the left.
class Table {
 public:
  explicit Table(std::vector<std::string> header) : header_(std::move(header)) {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }

  /// Columns two spaces apart, a line under the header; lines end without spaces. Cells of the
  /// widest text column are cut with "..." so that no line is longer than `width`; 0: no limit.
  std::string text(int width = 0) const;

 private:
  std::vector<std::string> header_;
  std::vector<std::vector<std::string>> rows_;
};

/// "96.2 KB", "2.72 MB"; decimal units, as file managers and flash sizes count.
std::string format_bytes(int64_t bytes);
/// "91.88 %" of 0.9188.
std::string format_percent(double share);
/// "1,234,567".
std::string format_count(int64_t count);

}  // namespace smelt
