using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Containerd.Images.Tests;

/// <summary>An image made in memory: layers of one file each, a configuration, a manifest, and perhaps an index over several.</summary>
internal sealed class TestImage
{
    public Dictionary<Digest, byte[]> Blobs { get; } = [];

    public List<Descriptor> Layers { get; } = [];

    public List<Digest> DiffIds { get; } = [];

    public Descriptor Target { get; private set; } = null!;

    public static TestImage Create(int layers = 3, string architecture = "amd64", int layerBytes = 50_000)
    {
        var image = new TestImage();
        for (int i = 0; i < layers; i++)
            image.AddLayer($"file-{architecture}-{i}", RandomNumberGenerator.GetBytes(layerBytes));
        image.Finish(architecture);
        return image;
    }

    public static TestImage CreateIndex(params string[] architectures)
    {
        var all = new TestImage();
        var manifests = new JsonArray();
        foreach (string architecture in architectures)
        {
            TestImage one = Create(2, architecture);
            foreach ((Digest digest, byte[] blob) in one.Blobs)
                all.Blobs[digest] = blob;
            JsonObject descriptor = Json(one.Target);
            descriptor["platform"] = new JsonObject { ["os"] = "linux", ["architecture"] = architecture };
            manifests.Add(descriptor);
        }
        all.Target = all.Add(MediaTypes.OciIndex, new JsonObject { ["schemaVersion"] = 2, ["mediaType"] = MediaTypes.OciIndex, ["manifests"] = manifests });
        return all;
    }

    public void WriteLayout(string directory, string? name = null)
    {
        Directory.CreateDirectory(Path.Join(directory, "blobs", "sha256"));
        File.WriteAllText(Path.Join(directory, "oci-layout"), """{"imageLayoutVersion":"1.0.0"}""");
        foreach ((Digest digest, byte[] blob) in Blobs)
            File.WriteAllBytes(Path.Join(directory, "blobs", "sha256", digest.Hex), blob);
        JsonObject target = Json(Target);
        if (name is not null)
            target["annotations"] = new JsonObject { ["org.opencontainers.image.ref.name"] = name };
        File.WriteAllText(Path.Join(directory, "index.json"), new JsonObject { ["schemaVersion"] = 2, ["manifests"] = new JsonArray(target) }.ToJsonString());
    }

    /// <summary>Serves the image as a good registry does.</summary>
    public async Task ServeAsync(ScriptedServer.Request request, Stream stream)
    {
        string last = request.Path[(request.Path.LastIndexOf('/') + 1)..];
        Digest digest = request.Path.Contains("/manifests/", StringComparison.Ordinal) && !last.Contains(':', StringComparison.Ordinal) ? Target.Digest : Digest.Parse(last);
        if (!Blobs.TryGetValue(digest, out byte[]? blob))
            await ScriptedServer.RespondAsync(stream, 404, []);
        else if (request.Method == "HEAD")
            await ScriptedServer.HeadAsync(stream, 200, $"Content-Length: {blob.Length}", $"Content-Type: {Target.MediaType}", $"Docker-Content-Digest: {digest}");
        else if (request.Headers.TryGetValue("Range", out string? range) && int.Parse(range["bytes=".Length..^1], null) is var from)
            await ScriptedServer.RespondAsync(stream, 206, blob[from..], $"Content-Range: bytes {from}-{blob.Length - 1}/{blob.Length}");
        else
            await ScriptedServer.RespondAsync(stream, 200, blob);
    }

    public Descriptor Add(string mediaType, JsonObject json) => Add(mediaType, Encoding.UTF8.GetBytes(json.ToJsonString()));

    public Descriptor Add(string mediaType, byte[] blob)
    {
        var descriptor = new Descriptor { MediaType = mediaType, Digest = Digest.Sha256(blob), Size = blob.Length };
        Blobs[descriptor.Digest] = blob;
        return descriptor;
    }

    public static JsonObject Json(Descriptor descriptor) => new()
    {
        ["mediaType"] = descriptor.MediaType,
        ["digest"] = descriptor.Digest.ToString(),
        ["size"] = descriptor.Size,
    };

    public void Finish(string architecture, Action<JsonObject>? change = null)
    {
        Descriptor config = Add(MediaTypes.OciConfig, new JsonObject
        {
            ["os"] = "linux",
            ["architecture"] = architecture,
            ["config"] = new JsonObject { ["Env"] = new JsonArray("A=b") },
            ["rootfs"] = new JsonObject { ["type"] = "layers", ["diff_ids"] = new JsonArray([.. DiffIds.Select(id => (JsonNode)id.ToString())]) },
            ["history"] = new JsonArray(new JsonObject { ["created_by"] = "test" }),
        });
        var manifest = new JsonObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = MediaTypes.OciManifest,
            ["config"] = Json(config),
            ["layers"] = new JsonArray([.. Layers.Select(layer => (JsonNode)Json(layer))]),
        };
        change?.Invoke(manifest);
        Target = Add(MediaTypes.OciManifest, manifest);
    }

    public void AddLayer(string name, byte[] content)
    {
        using var tar = new MemoryStream();
        using (var writer = new TarWriter(tar, leaveOpen: true))
            writer.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(content), Mode = (UnixFileMode)0b110_100_100 });
        AddLayer(tar.ToArray());
    }

    /// <summary>Adds a layer that is an archive, compressed with gzip.</summary>
    public void AddLayer(byte[] tar)
    {
        DiffIds.Add(Digest.Sha256(tar));
        using var compressed = new MemoryStream();
        using (var gzip = new GZipStream(compressed, CompressionLevel.Fastest, leaveOpen: true))
            gzip.Write(tar);
        Layers.Add(Add(MediaTypes.OciLayerGzip, compressed.ToArray()));
    }
}
