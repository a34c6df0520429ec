// Reads objects of Kubernetes, a JSON array, and writes what is wrong with the structure of each: an
// array of arrays of texts.
//
// The validators of kubernetes-models check types, formats and required fields, and pass over fields
// that they do not know. So they get each object in a Proxy, which notes what they ask for: a field that
// nobody asks for is unknown. When something else is wrong they may end early, and that is told alone.
import { readFileSync } from 'node:fs';

const packages = [
    'kubernetes-models',
    '@kubernetes-models/prometheus-operator',
    '@kubernetes-models/gateway-api',
];

async function modelOf({ apiVersion, kind }) {
    for (const name of packages) {
        const models = await import(`${name}/${apiVersion}`).catch((error) => {
            if (!['ERR_PACKAGE_PATH_NOT_EXPORTED', 'ERR_MODULE_NOT_FOUND'].includes(error.code)) throw error;
        });
        if (models?.[kind]) return models[kind];
    }
}

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

async function faultsOf(object) {
    const model = await modelOf(object);
    if (!model) return [`there is no kind ${object.apiVersion} ${object.kind}`];
    const unknown = new Set(placesIn(object));
    try {
        model.prototype.validate.call(watched(object, unknown));
    } catch (error) {
        return [error.message];
    }
    return [...unknown].map((place) => `${place} is no field of this kind`);
}

process.stdout.write(JSON.stringify(await Promise.all(JSON.parse(readFileSync(0)).map(faultsOf))));
