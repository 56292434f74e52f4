using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Containerd.Integration.Fixtures;

/// <summary>Debian's docker-registry on a free loopback port, plain HTTP. Stopped with the test run.</summary>
internal sealed class LoopbackRegistry : IDisposable
{
    private readonly string _storage;
    private readonly Process _process;

    private LoopbackRegistry(string host, string storage, Process process)
    {
        Host = host;
        _storage = storage;
        _process = process;
    }

    public string Host { get; }

    public static async Task<LoopbackRegistry> StartAsync()
    {
        string storage = Directory.CreateDirectory(Path.Join(SharedResources.Directory, "registry")).FullName;
        string host = $"127.0.0.1:{FreePort()}";
        string config = Path.Join(storage, "config.yml");
        await File.WriteAllTextAsync(config, $$"""
            version: 0.1
            log: { level: error, accesslog: { disabled: true } }
            storage: { filesystem: { rootdirectory: "{{storage}}" } }
            http: { addr: "{{host}}" }
            """);
        var registry = new LoopbackRegistry(host, storage, Process.Start(new ProcessStartInfo("docker-registry", ["serve", config])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!);
        SharedResources.Add(registry);
        registry._process.OutputDataReceived += (_, _) => { };
        registry._process.BeginOutputReadLine();
        registry._process.BeginErrorReadLine();
        await registry.WaitUntilItAnswersAsync();
        return registry;
    }

    /// <summary>Changes a byte in the middle of a blob, in the registry's storage; its length stays.</summary>
    public void ChangeOneByte(Digest blob)
    {
        string data = Path.Join(_storage, "docker", "registry", "v2", "blobs", blob.Algorithm, blob.Hex[..2], blob.Hex, "data");
        using FileStream file = File.Open(data, FileMode.Open);
        file.Position = file.Length / 2;
        int value = file.ReadByte();
        file.Position--;
        file.WriteByte((byte)(value ^ 1));
    }

    public void Dispose()
    {
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }

    private async Task WaitUntilItAnswersAsync()
    {
        using var http = new HttpClient();
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (true)
        {
            Assert.That(_process.HasExited, Is.False, "docker-registry ended");
            try
            {
                using HttpResponseMessage answer = await http.GetAsync(new Uri($"http://{Host}/v2/"), limit.Token);
                if (answer.IsSuccessStatusCode)
                    return;
            }
            catch (HttpRequestException) when (!limit.IsCancellationRequested)
            {
                await Task.Delay(20, limit.Token); // it does not listen yet
            }
        }
    }

    private static string FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port.ToString(CultureInfo.InvariantCulture);
    }
}
