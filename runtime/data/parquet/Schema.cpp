// From the flat list of elements to a tree, one recursion over both.
#include "runtime/data/parquet/Schema.h"

#include "runtime/io/Json.h"
#include "runtime/support/Text.h"

#include <set>

namespace ftc::rt::parquet {

namespace {

constexpr int kMaxDepth = 32;
constexpr std::size_t kMaxLeaves = 4096;

class SchemaBuilder {
public:
  explicit SchemaBuilder(const Footer &footer) : elements(footer.schema) {}

  Result<Schema> build() {
    if (elements.empty() || elements[0].children <= 0)
      return damaged("expected a schema with columns, got none");
    std::set<std::string, std::less<>> names;
    next = 1;
    for (std::int64_t i = 0; i < elements[0].children; ++i) {
      FTC_ASSIGN_OR_RETURN(std::unique_ptr<Node> field, readField("", 0, 0, 0));
      if (!names.insert(field->name).second)
        return damaged("expected each column once, got " + quote(field->name) + " twice");
      schema.fields.push_back(std::move(field));
    }
    return std::move(schema);
  }

private:
  static Status damaged(std::string what) { return Status::error(std::move(what)); }

  Result<const SchemaElement *> take(int depth) {
    if (next >= elements.size() || depth > kMaxDepth)
      return damaged("expected a schema that is a tree of at most " +
                     std::to_string(kMaxDepth) + " levels, got another");
    if (!isValidUtf8(elements[next].name))
      return damaged("expected names of columns in UTF-8, got " + quote(elements[next].name));
    return &elements[next++];
  }

  static std::string joined(const std::string &path, const std::string &name) {
    return path.empty() ? name : path + "." + name;
  }

  /// A field with its repetition: one that is repeated outside a list is a list of its own.
  Result<std::unique_ptr<Node>> readField(const std::string &path, int definition,
                                          int repetition, int depth) {
    FTC_ASSIGN_OR_RETURN(const SchemaElement *element, take(depth));
    bool repeated = element->repetition == Repetition::Repeated;
    definition += element->repetition != Repetition::Required;
    if (!repeated)
      return readContent(*element, joined(path, element->name), definition, repetition, depth);
    FTC_ASSIGN_OR_RETURN(
        std::unique_ptr<Node> item,
        readContent(*element, joined(path, element->name), definition, repetition + 1, depth));
    std::unique_ptr<Node> list =
        listOf(std::move(item), element->name, definition - 1, definition, repetition + 1);
    return list;
  }

  static std::unique_ptr<Node> listOf(std::unique_ptr<Node> item, const std::string &name,
                                      int definition, int itemDefinition, int itemRepetition) {
    auto list = std::make_unique<Node>();
    list->kind = Node::Kind::List;
    list->name = name;
    list->definition = definition;
    list->itemDefinition = itemDefinition;
    list->itemRepetition = itemRepetition;
    list->firstLeaf = item->firstLeaf;
    list->lastLeaf = item->lastLeaf;
    list->children.push_back(std::move(item));
    return list;
  }

  /// What an element is, its own level counted already.
  Result<std::unique_ptr<Node>> readContent(const SchemaElement &element,
                                            const std::string &path, int definition,
                                            int repetition, int depth) {
    if (element.type)
      return readLeaf(element, path, definition, repetition);
    bool list = element.meaning == Meaning::List || element.meaning == Meaning::Map;
    if (list && element.children == 1 && next < elements.size() &&
        elements[next].repetition == Repetition::Repeated)
      return readList(element, path, definition, repetition, depth);
    auto node = std::make_unique<Node>();
    node->kind = Node::Kind::Struct;
    node->name = element.name;
    node->definition = definition;
    node->firstLeaf = static_cast<int>(schema.leaves.size());
    std::set<std::string, std::less<>> names;
    for (std::int64_t i = 0; i < element.children; ++i) {
      FTC_ASSIGN_OR_RETURN(std::unique_ptr<Node> child,
                           readField(path, definition, repetition, depth + 1));
      if (!names.insert(child->name).second)
        return damaged("expected each field of " + quote(path) + " once, got " +
                       quote(child->name) + " twice");
      node->children.push_back(std::move(child));
    }
    node->lastLeaf = static_cast<int>(schema.leaves.size());
    if (node->children.empty())
      return damaged("expected fields in the group " + quote(path) + ", got none");
    return node;
  }

  /// A group with one repeated child: that child's only field is the element, or, in the forms
  /// of old writers, the child itself.
  Result<std::unique_ptr<Node>> readList(const SchemaElement &element, const std::string &path,
                                         int definition, int repetition, int depth) {
    FTC_ASSIGN_OR_RETURN(const SchemaElement *repeated, take(depth));
    bool itself = repeated->type || repeated->children != 1 ||
                  element.meaning == Meaning::Map || repeated->name == "array" ||
                  repeated->name == element.name + "_tuple";
    Result<std::unique_ptr<Node>> item =
        itself ? readContent(*repeated, path, definition + 1, repetition + 1, depth + 1)
               : readField(path, definition + 1, repetition + 1, depth + 1);
    if (!item)
      return item.takeStatus();
    return listOf(item.take(), element.name, definition, definition + 1, repetition + 1);
  }

  Result<std::unique_ptr<Node>> readLeaf(const SchemaElement &element, const std::string &path,
                                         int definition, int repetition) {
    if (schema.leaves.size() == kMaxLeaves)
      return damaged("expected at most " + std::to_string(kMaxLeaves) + " columns, got more");
    auto node = std::make_unique<Node>();
    node->name = element.name;
    node->definition = definition;
    node->firstLeaf = static_cast<int>(schema.leaves.size());
    node->lastLeaf = node->firstLeaf + 1;
    node->element = &element;
    schema.leaves.push_back({&element, path, definition, repetition});
    return node;
  }

  const std::vector<SchemaElement> &elements;
  std::size_t next = 0;
  Schema schema;
};

/// `feature` is what `datasets` says of `node`: a ClassLabel, a list of something, a dict of
/// features (old files have a sequence of a dict for a struct of lists).
void nameNode(const Json &feature, Node &node, int depth) {
  if (depth > kMaxDepth)
    return;
  Node *inner = &node;
  if (feature.is_array()) {
    if (feature.size() == 1)
      nameNode(feature[0], node.kind == Node::Kind::List ? *node.children[0] : node, depth + 1);
    return;
  }
  if (!feature.is_object())
    return;
  auto type = feature.find("_type");
  bool typed = type != feature.end() && type->is_string();
  if (auto of = feature.find("feature"); typed && of != feature.end())
    return nameNode(*of, node.kind == Node::Kind::List ? *node.children[0] : node, depth + 1);
  while (inner->kind == Node::Kind::List)
    inner = inner->children[0].get();
  auto names = feature.find("names");
  if (typed && *type == "ClassLabel" && names != feature.end() && names->is_array() &&
      inner->kind == Node::Kind::Leaf) {
    for (const Json &name : *names)
      inner->classNames.push_back(name.is_string() ? name.get<std::string>() : name.dump());
    return;
  }
  if (typed || inner->kind != Node::Kind::Struct)
    return;
  for (std::unique_ptr<Node> &child : inner->children)
    if (auto one = feature.find(child->name); one != feature.end())
      nameNode(*one, *child, depth + 1);
}

} // namespace

Result<Schema> makeSchema(const Footer &footer) { return SchemaBuilder(footer).build(); }

void nameClasses(std::string_view huggingface, Schema &schema) {
  Result<Json> json = parseJson(huggingface, "huggingface");
  if (!json || !json->is_object() || !json->contains("info") || !(*json)["info"].is_object())
    return;
  auto features = (*json)["info"].find("features");
  if (features == (*json)["info"].end() || !features->is_object())
    return;
  for (std::unique_ptr<Node> &field : schema.fields)
    if (auto one = features->find(field->name); one != features->end())
      nameNode(*one, *field, 0);
}

} // namespace ftc::rt::parquet
