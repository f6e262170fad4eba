// A client made with @modelcontextprotocol/sdk, the TypeScript SDK of version 1.

import { drive, load, server } from './drive.mjs';

const { Client } = load('@modelcontextprotocol/sdk/client/index.js');
const { SSEClientTransport } = load('@modelcontextprotocol/sdk/client/sse.js');
const { StdioClientTransport } = load('@modelcontextprotocol/sdk/client/stdio.js');
const { StreamableHTTPClientTransport } = load('@modelcontextprotocol/sdk/client/streamableHttp.js');
const { WebSocketClientTransport } = load('@modelcontextprotocol/sdk/client/websocket.js');

const transports = {
  http: () => new StreamableHTTPClientTransport(new URL(server.url)),
  sse: () => new SSEClientTransport(new URL(server.url)),
  ws: () => new WebSocketClientTransport(new URL(server.url)),
  stdio: () => new StdioClientTransport(server),
};

async function connect() {
  const transport = transports[server.type]();
  let version;
  const pass = transport.setProtocolVersion?.bind(transport);
  transport.setProtocolVersion = (agreed) => {
    version = agreed;
    pass?.(agreed);
  };
  const client = new Client({ name: 'typescript-sdk-1', version: '1' });
  await client.connect(transport);
  return { client, version };
}

await drive(connect, (client, call, options) => client.callTool(call, undefined, options));
