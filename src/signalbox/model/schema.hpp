#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "signalbox/model/type.hpp"

namespace signalbox::model {

/// What pydantic calls a member of this name in documents: `item_id` is `Item Id`.
std::string title_of(std::string_view name);

/// JSON Schemas (2020-12) of types, as pydantic 2.10 writes them. Structs and enums are written
/// once and referred to.
///
/// What they are called depends on all that there are: two types of one name are told apart by
/// their namespaces. So all types are given at once. Lifetime: they outlive this.
class Schemas {
  public:
    /// A Decimal is read from a number or a text and written as a text. All else is the same in
    /// requests and responses.
    enum class Mode : std::uint8_t { input, output };

    struct Use {
        const Type* type;
        Mode mode;
    };

    /// `prefix`: what references begin with, `#/components/schemas/`. `reserved`: what no type may
    /// be called.
    Schemas(const std::vector<Use>& uses, std::string_view prefix,
            const std::set<std::string>& reserved);

    /// Of a type that is used in this mode, in JSON. The title is not for references, and a type's
    /// own goes before it. Empty texts: none.
    std::string schema(const Type& type, Mode mode, std::string_view title = {},
                       std::string_view default_json = {}) const;

    /// What the schemas refer to, by its name, in JSON.
    std::map<std::string, std::string> definitions() const;

  private:
    struct Definition {
        const Type* type;
        bool input = false;
        bool output = false;
        bool differs = false;  ///< what is sent and what is got
        std::string name{};
        std::string title{};
    };

    void collect(const Type& type, Mode mode);
    void give_names(const std::set<std::string>& reserved);
    const Definition& definition_of(const Type& type) const;
    std::string reference_to(const Type& type, Mode mode) const;

    class Writer;

    std::string prefix_;
    std::map<const void*, std::size_t> index_;  ///< of what they are, in definitions_
    std::vector<Definition> definitions_;
};

}  // namespace signalbox::model
