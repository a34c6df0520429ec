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

async function faultsOf(object) {
    const unknown = new Set(placesIn(object));
    for (const name of packages) {
        const kinds = await import(`${name}/${object.apiVersion}`).catch((error) => {
            if (error.code !== 'ERR_PACKAGE_PATH_NOT_EXPORTED') throw error;
        });
        try {
            kinds?.[object.kind]?.prototype.validate.call(watched(object, unknown));
        } catch (error) {
            return [error.message];
        }
        if (kinds?.[object.kind]) return [...unknown].map((place) => `${place} is no field of this kind`);
    }
    return known.test(object.apiVersion) ? [`there is no kind ${object.apiVersion} ${object.kind}`] : [];
}

process.stdout.write(JSON.stringify(await Promise.all(JSON.parse(readFileSync(0)).map(faultsOf))));
