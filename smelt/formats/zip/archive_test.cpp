#include "smelt/formats/zip/archive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "smelt/base/random.h"
#include "smelt/formats/zip/test_zip.h"

namespace smelt::zip {
namespace {

using testing::HasSubstr;

std::string read(const std::string& bytes, const std::string& name) {
  const Content content = Archive::parse(as_bytes(std::string_view(bytes)), nullptr).read(name);
  return {content.bytes.begin(), content.bytes.end()};
}

std::string error_of(const std::string& bytes, const std::string& name) {
  try {
    read(bytes, name);
  } catch (const Error& error) {
    return fmt::format("{}: {}", smelt::name(error.kind()), error.what());
  }
  return "no error";
}

TEST(Archive, ReadsStoredAndDeflatedMembers) {
  const std::string text(5000, 'x');
  for (const bool compress : {false, true}) {
    const std::string bytes = test::make_zip({{"a/b.json", "{}"}, {"c", text}}, compress);
    EXPECT_EQ(read(bytes, "a/b.json"), "{}");
    EXPECT_EQ(read(bytes, "c"), text);
    const auto archive = Archive::parse(as_bytes(std::string_view(bytes)), nullptr);
    EXPECT_THAT(archive.names(), testing::ElementsAre("a/b.json", "c"));
  }
}

TEST(Archive, StoredMembersAreViews) {
  const std::string bytes = test::make_zip({{"a", "content"}});
  const Content content = Archive::parse(as_bytes(std::string_view(bytes)), nullptr).read("a");
  const auto* begin = reinterpret_cast<const uint8_t*>(bytes.data());
  EXPECT_GE(content.bytes.data(), begin);
  EXPECT_LT(content.bytes.data(), begin + bytes.size());
}

TEST(Archive, RefusesWhatContradictsItself) {
  const std::string good = test::make_zip({{"a", "content"}});
  EXPECT_THAT(error_of(good, "b"), HasSubstr("no member \"b\""));
  EXPECT_THAT(error_of(good.substr(0, good.size() - 1), "a"), HasSubstr("directory is missing"));
  EXPECT_THAT(error_of(test::make_zip({{"a", "x"}, {"a", "y"}}), "a"), HasSubstr("twice"));
  EXPECT_THAT(error_of(test::make_zip({{"a", "content"}}, false, 1), "a"),
              HasSubstr("sizes differ"));
  EXPECT_THAT(error_of(test::make_zip({{"a", "content"}}, true, 1), "a"), HasSubstr("damaged"));
  std::string changed = good;
  changed[good.find("content")] = 'C';
  EXPECT_THAT(error_of(changed, "a"), HasSubstr("checksum"));
}

TEST(Archive, RefusesBombs) {
  const std::string bytes = test::make_zip({{"a", std::string(100, '0')}}, true, 1u << 30);
  EXPECT_THAT(error_of(bytes, "a"), HasSubstr("cannot hold"));
}

TEST(Archive, SurvivesDamage) {
  const std::string good = test::make_zip({{"a", std::string(300, 'a')}, {"b", "bb"}}, true);
  Random random(7);
  for (size_t size = 0; size < good.size(); ++size) error_of(good.substr(0, size), "a");
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = good;
    for (int i = 0; i < 3; ++i) {
      bytes[random.below(bytes.size())] = static_cast<char>(random.below(256));
    }
    for (const char* member : {"a", "b"}) EXPECT_THAT(error_of(bytes, member), HasSubstr("e"));
  }
}

}  // namespace
}  // namespace smelt::zip
