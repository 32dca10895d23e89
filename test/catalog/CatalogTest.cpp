// The catalog's file: whole, without contradictions, and as the frontends are.
#include "catalog/Catalog.h"
#include "frontends/Architecture.h"

#include <gtest/gtest.h>

#include <set>

using namespace ftc;

TEST(Catalog, HasManyModelsEachOnce) {
  EXPECT_GE(catalog::entries().size(), 40u);
  std::set<std::string> names, repos;
  for (const catalog::Entry &entry : catalog::entries()) {
    EXPECT_TRUE(names.insert(entry.name).second) << entry.name;
    EXPECT_TRUE(repos.insert(entry.repo).second) << entry.repo;
    EXPECT_EQ(catalog::findEntry(entry.name), &entry);
    EXPECT_EQ(catalog::findEntry(entry.repo), &entry);
    EXPECT_FALSE(entry.languages.empty()) << entry.name;
    EXPECT_FALSE(entry.sizes.empty()) << entry.name;
  }
}

TEST(Catalog, FamiliesAreTheFrontends) {
  std::set<std::string> known;
  for (const catalog::Family &family : catalog::families()) {
    known.insert(family.modelType);
    const Architecture *found = nullptr;
    for (const Architecture *architecture : architectures())
      if (family.modelType == architecture->modelType)
        found = architecture;
    ASSERT_TRUE(found) << family.modelType;
    EXPECT_EQ(std::set(family.tasks.begin(), family.tasks.end()),
              std::set(found->tasks.begin(), found->tasks.end()))
        << family.modelType;
  }
  EXPECT_EQ(known.size(), architectures().size());
}

TEST(Catalog, FindsWithoutRegardToCase) {
  ASSERT_TRUE(catalog::findEntry("ALL-minilm-l6-V2"));
  EXPECT_EQ(catalog::findEntry("ALL-minilm-l6-V2")->repo,
            "sentence-transformers/all-MiniLM-L6-v2");
  EXPECT_EQ(catalog::findEntry("all-MiniLM-L6"), nullptr);
}

TEST(Catalog, RepoIds) {
  for (const char *good :
       {"gpt2", "a/b", "openai-community/gpt2", "Qwen/Qwen2.5-0.5B", "a_b/c.d"})
    EXPECT_TRUE(catalog::isRepoId(good)) << good;
  for (const char *bad : {"", "/", "a/", "/a", "a/b/c", "../a", "a/..", "a--b/c", ".a/b",
                          "a/b.", "-a/b", "a b/c", "a/b?c", "a/b#", "ä/b"})
    EXPECT_FALSE(catalog::isRepoId(bad)) << bad;
  EXPECT_FALSE(catalog::isRepoId(std::string(97, 'a')));
}

TEST(Catalog, RefusesEntriesThatAreNone) {
  auto refused = [](const std::string &model, const char *word) {
    std::string text =
        R"({"families": {"bert": {"counted": "BertModel", "tasks": [], "files": []}},
                           "models": [)" +
        model + "]}";
    rt::Result<catalog::Contents> parsed = catalog::parseCatalog(text, "file");
    ASSERT_FALSE(parsed) << model;
    EXPECT_NE(parsed.status().message().find(word), std::string::npos)
        << parsed.status().message();
  };
  std::string rest = R"("languages": ["en"], "context": 512, "config": {}, "parameters": )";
  refused("3", "model 1");
  refused(R"({"name": "a", "repo": "o/a", "model_type": "vit", )" + rest + "1}", "model_type");
  refused(R"({"name": "a", "repo": "o/a/../b", "model_type": "bert", )" + rest + "1}", "repo");
  refused(R"({"name": "a", "repo": "o/a", "model_type": "bert", )" + rest + "0}", "parameters");
}
