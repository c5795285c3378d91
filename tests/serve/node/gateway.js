// The official Gateway client for Node against a served ledger; prints what the test compares.
// node gateway.js CONNECTION ADDRESS
const crypto = require('crypto');
const fs = require('fs');
const grpc = require('@grpc/grpc-js');
const { connect, hash, signers } = require('@hyperledger/fabric-gateway');

const [connection, address] = process.argv.slice(2);
const read = (name) => fs.readFileSync(`${connection}/AMSP/${name}`);
const text = (bytes) => Buffer.from(bytes).toString();

async function failure(call) {
  try {
    await call();
  } catch (error) {
    return { kind: error.constructor.name, code: error.code, details: error.details };
  }
  throw new Error('it should have failed');
}

async function take(stream, count, shown) {
  const found = [];
  for await (const one of stream) {
    found.push(shown(one));
    if (found.length === count) break;
  }
  stream.close();
  return found;
}

async function main() {
  const client = new grpc.Client(address, grpc.credentials.createSsl(read('tls-ca.pem')));
  const gateway = connect({
    client,
    hash: hash.sha256,
    identity: { mspId: text(read('mspid')), credentials: read('cert.pem') },
    signer: signers.newPrivateKeySigner(crypto.createPrivateKey(read('key.pem'))),
  });
  const network = gateway.getNetwork('one');
  const contract = network.getContract('kv');
  const answer = {};
  answer.submitted = text(await contract.submitTransaction('put', 'node', 'tea'));
  answer.evaluated = text(await contract.evaluateTransaction('get', 'node'));
  answer.endorse = await failure(() => contract.submitTransaction('fail', 'no tea'));
  answer.evaluate = await failure(() => contract.evaluateTransaction('fail', 'no tea'));
  answer.commit = await failure(() =>
    contract.submit('put', { arguments: ['x', 'y'], endorsingOrganizations: ['BMSP'] }));
  const commit = await contract.submitAsync('put', { arguments: ['later', '1'] });
  answer.status = (await commit.getStatus()).code;
  const startBlock = BigInt(0);
  const events = await network.getChaincodeEvents('kv', { startBlock });
  answer.events = await take(events, 2, (one) => [Number(one.blockNumber), text(one.payload)]);
  const blocks = await network.getBlockEvents({ startBlock });
  answer.blocks = await take(blocks, 3, (one) => one.getHeader().getNumber());
  const filtered = await network.getFilteredBlockEvents({ startBlock });
  answer.filtered = await take(filtered, 3, (one) => one.getNumber());
  gateway.close();
  client.close();
  console.log(JSON.stringify(answer));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
