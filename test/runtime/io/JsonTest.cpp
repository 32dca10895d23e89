// JSON from outside: what is refused, and how the messages read.
#include "runtime/io/Json.h"

#include "test/TemporaryDirectory.h"

#include <gtest/gtest.h>

using namespace ftc::rt;

static std::string errorOf(std::string_view text, const JsonOptions &options = {}) {
  auto parsed = parseJson(text, "config.json", options);
  return parsed ? "" : parsed.status().message();
}

TEST(Json, ParsesAndKeepsValues) {
  auto parsed = parseJson(R"({"a":[1,-2,3.5,null,true,"x"],"b":{"c":18446744073709551615}})",
                          "config.json");
  ASSERT_TRUE(parsed) << parsed.status().message();
  EXPECT_EQ(dumpJson(*parsed),
            R"({"a":[1,-2,3.5,null,true,"x"],"b":{"c":18446744073709551615}})");
}

TEST(Json, ErrorsNameLineColumnByte) {
  std::string error = errorOf("{\n  \"a\": 1,\n  \"b\" 2\n}");
  EXPECT_TRUE(error.starts_with("config.json: line 3, column 7 (byte 18): ")) << error;
  EXPECT_LT(error.size(), 300u);
  EXPECT_EQ(error.find('\n'), std::string::npos);
}

TEST(Json, RefusesWhatIsNotPlainJson) {
  for (std::string_view bad :
       {std::string_view(""), std::string_view("{"), std::string_view("{}x"),
        std::string_view("{}\0", 3), std::string_view("\xEF\xBB\xBF{}"),
        std::string_view("{\"a\":NaN}"), std::string_view("// c\n{}"),
        std::string_view("{\"a\":1e999}"), std::string_view("[1,]"),
        std::string_view("\"\xff\""), std::string_view("\"\\ud800\""), std::string_view("01")})
    EXPECT_NE(errorOf(bad), "") << bad;
}

TEST(Json, BoundsDepthSizeDuplicates) {
  std::string deep(100, '['), close(100, ']');
  EXPECT_EQ(errorOf(deep + close), "");
  EXPECT_EQ(errorOf("[" + deep + close + "]"), "config.json: nested more than 100 levels deep");
  EXPECT_NE(errorOf(std::string(2000000, '[')), "");
  JsonOptions small;
  small.maxBytes = 3;
  EXPECT_NE(errorOf("[1,2]", small).find("expected at most 3 bytes"), std::string::npos);
  EXPECT_EQ(errorOf(R"({"a":1,"b":{"a":2,"a":3}})"),
            "config.json: key 'a' appears twice in one object, expected once");
  JsonOptions loose;
  loose.refuseDuplicateKeys = false;
  EXPECT_EQ(dumpJson(*parseJson(R"({"a":1,"a":[2]})", "x", loose)), R"({"a":[2]})");
}

TEST(Json, HostileKeysAreEscapedAndCut) {
  std::string key(5000, 'k');
  std::string error = errorOf("{\"\\u001b[2J" + key + "\":1,\"\\u001b[2J" + key + "\":1}");
  EXPECT_EQ(error.find('\x1b'), std::string::npos);
  EXPECT_LT(error.size(), 500u);
}

class JsonObjectTest : public testing::Test {
protected:
  Json root = *parseJson(
      R"({"num_attention_heads":0,"name":"b\nert","eps":1e-12,"flag":true,"none":null,
          "list":["a","b"],"mixed":["a",1],"ints":[1,2],"big":18446744073709551615,
          "child":{"x":1},"half":0.5})",
      "config.json");
  JsonObject object = JsonObject::of(root, "config.json").take();
};

TEST_F(JsonObjectTest, MessagesReadAsOneLine) {
  EXPECT_EQ(object.integer("num_attention_heads", 1, 1024).status().message(),
            "config.json: 'num_attention_heads' is 0, expected an integer from 1 to 1024");
  EXPECT_EQ(object.integer("name").status().message(),
            "config.json: 'name' is 'b\\nert', expected an integer");
  EXPECT_EQ(object.integer("absent", 1).status().message(),
            "config.json: 'absent' is missing, expected an integer of at least 1");
  EXPECT_EQ(object.integer("big").status().message(),
            "config.json: 'big' is 18446744073709551615, expected an integer");
  EXPECT_EQ(object.integer("half").status().message(),
            "config.json: 'half' is 0.5, expected an integer");
  EXPECT_EQ(object.boolean("eps").status().message(),
            "config.json: 'eps' is 1e-12, expected true or false");
  EXPECT_EQ(object.string("child").status().message(),
            "config.json: 'child' is an object, expected a string");
  EXPECT_EQ(object.choice("name", {"gelu", "relu"}).status().message(),
            "config.json: 'name' is 'b\\nert', expected one of 'gelu', 'relu'");
  EXPECT_EQ(object.strings("mixed").status().message(),
            "config.json: 'mixed'[1] is 1, expected a string");
  EXPECT_EQ(object.number("half", 1, 2).status().message(),
            "config.json: 'half' is 0.5, expected a number from 1.0 to 2.0");
  EXPECT_EQ(object.child("child")->integer("y").status().message(),
            "config.json: child: 'y' is missing, expected an integer");
  EXPECT_EQ(JsonObject::of(root["list"], "t").status().message(),
            "t: an array, expected a JSON object");
}

TEST_F(JsonObjectTest, ValuesAndFallbacks) {
  EXPECT_EQ(*object.number("eps"), 1e-12);
  EXPECT_EQ(*object.number("num_attention_heads"), 0.0);
  EXPECT_EQ(*object.integerOr("none", 7), 7);
  EXPECT_EQ(*object.stringOr("absent", "d"), "d");
  EXPECT_EQ(*object.booleanOr("flag", false), true);
  EXPECT_FALSE(object.integerOr("name", 7));
  EXPECT_EQ(object.strings("list")->size(), 2u);
  EXPECT_EQ(object.integers("ints")->at(1), 2);
  EXPECT_FALSE(object.has("none"));
}

TEST(Json, ReadsFilesWithTheirPath) {
  ftc::test::TemporaryDirectory dir;
  auto missing = readJsonFile(dir.file("config.json"));
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.status().message().find("config.json': No such file"), std::string::npos);
}
