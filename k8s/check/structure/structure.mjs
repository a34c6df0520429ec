// Reads objects of Kubernetes, a JSON array, and writes what is wrong with the structure of each.
//
// The validators of kubernetes-models check types, formats and required fields, and pass over fields
// that they do not know. So each object is put into a Proxy, which notes what they ask for: a field that
// nobody asks for is unknown. When something else is wrong they may end early, and that is told alone.
import { readFileSync } from 'node:fs';

const models = '@kubernetes-models';
const packages = ['kubernetes-models', `${models}/prometheus-operator`, `${models}/gateway-api`];
// Kinds of other groups are not checked: whoever has them has their operator.
const known = /^([^./]+|monitoring\.coreos\.com|.*\.k8s\.io)(\/|$)/;

const isTree = (value) => typeof value === 'object' && value !== null;

const placesIn = (tree, path = '') => Object.entries(tree).flatMap(([key, value]) =>
    [`${path}/${key}`, ...(isTree(value) ? placesIn(value, `${path}/${key}`) : [])]);

const watched = (value, unknown, path = '') => !isTree(value) ? value : new Proxy(value, {
    get(tree, key) {
        const place = `${path}/${String(key)}`;
        unknown.delete(place);
        return watched(tree[key], unknown, place);
    },
});

async function modelOf({ apiVersion, kind }) {
    for (const name of packages) {
        const found = await import(`${name}/${apiVersion}/${kind}`).catch((error) => {
            if (!/^ERR_(PACKAGE_PATH_NOT_EXPORTED|MODULE_NOT_FOUND)$/.test(error.code)) throw error;
        });
        if (found) return found[kind];
    }
}

async function faultsOf(object) {
    const { apiVersion, kind } = object;
    const model = await modelOf(object);
    if (!model) return known.test(apiVersion) ? [`there is no kind ${apiVersion} ${kind}`] : [];
    const unknown = new Set(placesIn(object));
    try {
        model.prototype.validate.call(watched(object, unknown));
    } catch (error) {
        return [error.message];
    }
    return [...unknown].map((place) => `${place} is no field of this kind`);
}

process.stdout.write(JSON.stringify(await Promise.all(JSON.parse(readFileSync(0)).map(faultsOf))));
