// What a hub's client decides without a network: origins, redirects, waits, and which files to take.
#include "catalog/Http.h"
#include "catalog/Hub.h"
#include "catalog/Pull.h"

#include <gtest/gtest.h>

#include <ctime>

using namespace ftc::catalog;

TEST(Hub, OriginsAreSchemeHostAndPort) {
  EXPECT_EQ(originOf("https://HuggingFace.co/a/b?c"), "https://huggingface.co:443");
  EXPECT_EQ(originOf("http://127.0.0.1:8080/x"), "http://127.0.0.1:8080");
  // A name that begins as the hub's, or has it as its user, is another's.
  EXPECT_NE(originOf("https://huggingface.co.evil.org/"), originOf("https://huggingface.co/"));
  EXPECT_EQ(originOf("https://huggingface.co@evil.org/"), "");
  EXPECT_NE(originOf("https://huggingface.co:8443/"), originOf("https://huggingface.co/"));
  EXPECT_NE(originOf("http://huggingface.co/"), originOf("https://huggingface.co/"));
  for (const char *none : {"", "file:///etc/passwd", "ftp://host/", "not a url", "https://"})
    EXPECT_EQ(originOf(none), "") << none;
}

TEST(Hub, UrlsAreShownWithoutSecrets) {
  EXPECT_EQ(withoutSecrets("https://huggingface.co/a/b"), "https://huggingface.co/a/b");
  EXPECT_EQ(withoutSecrets("https://u:p@host/a"), "https://***@host/a");
  EXPECT_EQ(withoutSecrets("https://u:p/w@x@host"), "https://***@host");
  EXPECT_EQ(withoutSecrets("u:p@host"), "***@host");
  EXPECT_EQ(withoutSecrets("https://s/x?X-Amz-Signature=1"), "https://s/x");
}

TEST(Hub, LocationsMayBeRelative) {
  EXPECT_EQ(resolveUrl("https://h/a/b", "/c/d"), "https://h/c/d");
  EXPECT_EQ(resolveUrl("https://h/a/b", "https://s/x?y=1"), "https://s/x?y=1");
  EXPECT_EQ(originOf(resolveUrl("https://h/a", "//other/b")), "https://other:443");
}

TEST(Hub, NamesArePercentEncoded) {
  EXPECT_EQ(percentEncode("refs/pr/1"), "refs%2Fpr%2F1");
  EXPECT_EQ(percentEncode("a b?c#d%"), "a%20b%3Fc%23d%25");
  EXPECT_EQ(percentEncode("model-00001.safetensors_~"), "model-00001.safetensors_~");
}

TEST(Hub, RetryAfterIsSecondsOrADate) {
  EXPECT_EQ(retryAfterSeconds("0"), 0);
  EXPECT_EQ(retryAfterSeconds("120"), 120);
  EXPECT_EQ(retryAfterSeconds("-5"), -1);
  EXPECT_EQ(retryAfterSeconds(""), -1);
  EXPECT_EQ(retryAfterSeconds("soon"), -1);
  EXPECT_EQ(retryAfterSeconds("Wed, 21 Oct 2015 07:28:00 GMT"), 0);
  char text[64];
  std::time_t later = std::time(nullptr) + 100;
  std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", std::gmtime(&later));
  EXPECT_NEAR(retryAfterSeconds(text), 100, 3);
}

static std::vector<std::string> needed(std::vector<std::string> files) {
  ftc::rt::Result<std::vector<std::string>> names = neededFiles("o/r", files);
  return names ? *names : std::vector<std::string>{"! " + names.status().message()};
}

TEST(Hub, TakesWhatAModelNeeds) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(needed({"README.md", "config.json", "model.safetensors", "pytorch_model.bin",
                    "onnx/model.onnx", "vocab.txt"}),
            (Names{"config.json", "vocab.txt", "model.safetensors"}));
  EXPECT_EQ(needed({"config.json", "model.safetensors.index.json", "a.safetensors"}),
            (Names{"config.json", "model.safetensors.index.json"}));
  EXPECT_EQ(needed({"adapter_config.json", "adapter_model.safetensors"}),
            (Names{"adapter_config.json", "adapter_model.safetensors"}));
  EXPECT_EQ(needed({"one.gguf", "sub/other.gguf"}), Names{"one.gguf"});
  EXPECT_TRUE(needed({"a.gguf", "b.gguf"})[0].starts_with("! o/r: expected one model, found 2"));
  EXPECT_TRUE(needed({"config.json", "pytorch_model.bin"})[0].starts_with("! o/r: has its weights in"));
  EXPECT_TRUE(needed({"model.safetensors"})[0].starts_with("! o/r: expected config.json"));
}
