// Writes OpenAPI documents, for tests/openapi/validate: openapi_documents FOLDER.

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>

#include "fastapi/app.hpp"
#include "signalbox/api/openapi.hpp"
#include "support/documented_api.hpp"

namespace {

void write(const std::string& path, const signalbox::api::Module& module) {
    std::ofstream file(path);
    file << signalbox::api::openapi(module.endpoints(), {.title = "Tests",
                                                         .version = "1.0.0",
                                                         .description = "For a validator",
                                                         .root_path = "/below"})
                .text();
    if (!file.flush()) {
        std::cerr << "openapi_documents: cannot write " << path << '\n';
        std::exit(1);
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::cerr << "usage: openapi_documents FOLDER\n";
        return 2;
    }
    const std::string folder = argv[1];
    write(folder + "/documented.json", signalbox::test::documented_api());
    write(folder + "/fastapi.json", fastapi::app());
    return 0;
}
