#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace signalbox::test {

/// A form as a browser sends it: `Form().field("name", "Ada").file("picture", "ada.png", bytes)`.
class Form {
  public:
    Form& field(std::string name, std::string value);
    Form& file(std::string name, std::string filename, std::string content,
               std::string content_type = "application/octet-stream");

    /// urlencoded, or multipart when there is a file.
    std::string content_type() const;
    std::string body() const;

  private:
    struct Field {
        std::string name, value;
        bool is_file = false;
        std::string filename{}, content_type{};
    };

    bool is_multipart() const;
    /// One that is in no field.
    std::string boundary() const;

    std::vector<Field> fields_;
};

}  // namespace signalbox::test
