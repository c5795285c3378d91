// The old SDK for Node (fabric-network 2.2) with the connection profile of a served ledger.
// node network.js CONNECTION [discovery]
const fs = require('fs');
const { Gateway, Wallets } = require('fabric-network');

const [connection, discovery] = process.argv.slice(2);
const read = (name) => fs.readFileSync(`${connection}/${name}`, 'utf8');

async function main() {
  const wallet = await Wallets.newInMemoryWallet();
  const credentials = { certificate: read('AMSP/cert.pem'), privateKey: read('AMSP/key.pem') };
  await wallet.put('client', { credentials, mspId: 'AMSP', type: 'X.509' });
  const gateway = new Gateway();
  await gateway.connect(JSON.parse(read('connection.json')), {
    wallet,
    identity: 'client',
    discovery: { enabled: discovery === 'discovery', asLocalhost: true },
  });
  const contract = (await gateway.getNetwork('one')).getContract('kv');
  const submitted = (await contract.submitTransaction('put', 'old', 'tea')).toString();
  const evaluated = (await contract.evaluateTransaction('get', 'old')).toString();
  gateway.disconnect();
  console.log(JSON.stringify({ submitted, evaluated }));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
