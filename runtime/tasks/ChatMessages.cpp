// From the objects of a cell to messages.
#include "runtime/tasks/ChatMessages.h"

#include "runtime/support/Text.h"

namespace ftc::rt {

namespace {

const ObjectMember *findMember(const Object &object, std::string_view key) {
  for (const ObjectMember &member : object)
    if (member.key == key)
      return &member;
  return nullptr;
}

std::string whereMessage(const DataTable &table, std::int64_t row, int column,
                         std::size_t message) {
  return table.whereCell(row, column) + ": message " + std::to_string(message + 1) +
         " in " + table.describeColumn(column);
}

/// The string under `key`, or an error that begins with `where`.
Result<std::string_view> stringMember(const Object &object, std::string_view key,
                                      const std::string &where) {
  const ObjectMember *member = findMember(object, key);
  if (member && member->kind == CellKind::Text)
    return member->text;
  return Status::error(where + ": expected a string as " + quote(key) + ", got " +
                       (member ? std::string(cellKindPhrase(member->kind)) : "none"));
}

} // namespace

Result<std::vector<ChatMessage>> readMessages(const DataTable &table, std::int64_t row,
                                              int column) {
  if (table.kind(row, column) != CellKind::ObjectList)
    return Status::error(table.whereCell(row, column) +
                         ": expected a list of {\"role\", \"content\"} objects in " +
                         table.describeColumn(column) + ", got " +
                         std::string(table.kind(row, column) == CellKind::TextList &&
                                             table.listSize(row, column) == 0
                                         ? "an empty list"
                                         : cellKindPhrase(table.kind(row, column))));
  std::vector<ChatMessage> messages;
  for (const Object &object : table.objects(row, column)) {
    std::string where = whereMessage(table, row, column, messages.size());
    const ObjectMember *calls = findMember(object, "tool_calls");
    if (calls && calls->kind != CellKind::Missing)
      return Status::error(where + ": expected plain messages, got 'tool_calls', which are not "
                                   "supported; remove the row or put the call into 'content'");
    ChatMessage message;
    FTC_ASSIGN_OR_RETURN(message.role, stringMember(object, "role", where));
    FTC_ASSIGN_OR_RETURN(message.content, stringMember(object, "content", where));
    if (message.role.empty())
      return Status::error(where + ": expected a role, got an empty one");
    messages.push_back(message);
  }
  return messages;
}

} // namespace ftc::rt
