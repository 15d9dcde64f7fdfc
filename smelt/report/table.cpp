#include "smelt/report/table.h"

#include <fmt/format.h>

#include <algorithm>

namespace smelt {
namespace {

bool looks_numeric(const std::string& cell) {
  return !cell.empty() && cell.find_first_of("0123456789") != std::string::npos &&
         cell.find_first_not_of("0123456789.,+-%exKMGBsm/ ") == std::string::npos;
}

std::string cut(const std::string& cell, size_t width) {
  if (cell.size() <= width) return cell;
  return width <= 3 ? cell.substr(0, width) : cell.substr(0, width - 3) + "...";
}

}  // namespace

std::string Table::text(int width) const {
  const size_t columns = header_.size();
  std::vector<size_t> widths(columns);
  std::vector<bool> numeric(columns, !rows_.empty());
  for (size_t c = 0; c < columns; ++c) {
    widths[c] = header_[c].size();
    for (const auto& row : rows_) {
      widths[c] = std::max(widths[c], row[c].size());
      if (!row[c].empty() && !looks_numeric(row[c])) numeric[c] = false;
    }
  }
  size_t total = 2 * (columns - 1);
  for (const size_t w : widths) total += w;
  if (width > 0 && total > static_cast<size_t>(width)) {
    size_t widest = 0;
    for (size_t c = 0; c < columns; ++c) {
      if (!numeric[c] && (numeric[widest] || widths[c] > widths[widest])) widest = c;
    }
    const size_t excess = total - static_cast<size_t>(width);
    const size_t least = std::max<size_t>(header_[widest].size(), 8);
    widths[widest] = widths[widest] > excess + least ? widths[widest] - excess : least;
  }
  auto line = [&](const std::vector<std::string>& row) {
    std::string text;
    for (size_t c = 0; c < columns; ++c) {
      const std::string cell = cut(row[c], widths[c]);
      if (c > 0) text += "  ";
      text += numeric[c] ? fmt::format("{:>{}}", cell, widths[c])
                         : fmt::format("{:<{}}", cell, widths[c]);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    return text + "\n";
  };
  std::string text = line(header_);
  size_t ruler = 2 * (columns - 1);
  for (const size_t w : widths) ruler += w;
  text += std::string(ruler, '-') + "\n";
  for (const auto& row : rows_) text += line(row);
  return text;
}

std::string format_percent(double share) { return fmt::format("{:.2f} %", 100 * share); }

std::string format_bytes(int64_t bytes) {
  if (bytes < 1000) return fmt::format("{} B", bytes);
  if (bytes < 1000000) return fmt::format("{:.1f} KB", static_cast<double>(bytes) / 1e3);
  return fmt::format("{:.2f} MB", static_cast<double>(bytes) / 1e6);
}

std::string format_count(int64_t count) {
  std::string digits = std::to_string(count);
  for (auto at = static_cast<int64_t>(digits.size()) - 3; at > (count < 0 ? 1 : 0); at -= 3) {
    digits.insert(static_cast<size_t>(at), ",");
  }
  return digits;
}

}  // namespace smelt
