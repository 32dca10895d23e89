// Schema: the tree of a Parquet file's fields, lists and structs told from groups.
#pragma once

#include "runtime/data/parquet/Values.h"

#include <memory>

namespace ftc::rt::parquet {

/// A field. It is there where a column's definition level reaches `definition`.
struct Node {
  enum class Kind { Leaf, Struct, List };
  std::string name;
  Kind kind = Kind::Leaf;
  int definition = 0;                          ///< below: null (or, of a parent's, not there)
  std::vector<std::unique_ptr<Node>> children; ///< Struct: its fields; List: its element
  int firstLeaf = 0, lastLeaf = 0;             ///< the leaves below, [first, last)
  int itemDefinition = 0, itemRepetition = 0;  ///< List: where it has an item; of the second on
  const SchemaElement *element = nullptr;      ///< Leaf
  std::vector<std::string> classNames;         ///< Leaf: ClassLabel's, by id
};

/// A column as it is stored.
struct Leaf {
  const SchemaElement *element = nullptr;
  std::string path; ///< "outer.inner", for messages
  int maxDefinition = 0, maxRepetition = 0;
};

struct Schema {
  std::vector<std::unique_ptr<Node>> fields;
  std::vector<Leaf> leaves; ///< in the order of a row group's columns
};

/// The tree of a footer's schema, which must outlive it. Lists are those of parquet-format's
/// LogicalTypes.md, its rules for old files included; maps are lists of key and value. Fails on
/// a schema that is no tree, or nested deeper than 32.
Result<Schema> makeSchema(const Footer &footer);

/// Gives class labels the names that `datasets` wrote into the footer; what is no such JSON
/// changes nothing.
void nameClasses(std::string_view huggingface, Schema &schema);

} // namespace ftc::rt::parquet
