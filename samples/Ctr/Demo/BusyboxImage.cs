using System.Formats.Tar;
using System.IO.Compression;
using System.Text;
using System.Text.Json.Nodes;
using Containerd;

namespace Ctr.Demo;

/// <summary>A small image made from this machine's own static busybox, as an OCI archive: two gzip layers, a configuration and an index.</summary>
internal static class BusyboxImage
{
    public const string Name = "localhost/demo/busybox:1";

    private static readonly string[] Applets = ["sh", "cat", "echo", "env", "hostname", "id", "ip", "ls", "mount", "ping", "ps", "sleep", "uname"];
    private static readonly string[] Places = ["/bin/busybox", "/usr/bin/busybox"];

    /// <summary>Writes the archive.</summary>
    public static void Write(string archive)
    {
        string busybox = Places.FirstOrDefault(File.Exists)
            ?? throw new ContainerdException(ErrorKind.NotFound, $"The demo needs a static busybox at {string.Join(" or ", Places)}: install the package busybox-static.");

        Blob root = Layer(tar =>
        {
            foreach (string directory in (string[])["bin", "dev", "etc", "proc", "run", "sys", "tmp"])
                tar.WriteEntry(new PaxTarEntry(TarEntryType.Directory, directory + "/") { Mode = (UnixFileMode)(directory == "tmp" ? 0b1_111_111_111 : 0b111_101_101) });
            using FileStream program = File.OpenRead(busybox);
            tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, "bin/busybox") { Mode = (UnixFileMode)0b111_101_101, DataStream = program });
            foreach (string applet in Applets)
                tar.WriteEntry(new PaxTarEntry(TarEntryType.SymbolicLink, $"bin/{applet}") { LinkName = "busybox" });
        });
        Blob greeting = Layer(tar =>
        {
            AddText(tar, "etc/passwd", "root:x:0:0:root:/:/bin/sh\n");
            AddText(tar, "etc/group", "root:x:0:\n");
            AddText(tar, "etc/motd", "Hello from a container that no daemon runs.\n");
        });

        Blob config = Json(MediaTypes.OciConfig, new JsonObject
        {
            ["architecture"] = Platform.Current.Architecture,
            ["os"] = Platform.Current.Os,
            ["config"] = new JsonObject
            {
                ["Env"] = new JsonArray("PATH=/bin"),
                ["Cmd"] = new JsonArray("sh", "-c", "cat /etc/motd"),
            },
            ["rootfs"] = new JsonObject { ["type"] = "layers", ["diff_ids"] = new JsonArray(root.DiffId, greeting.DiffId) },
        });
        Blob manifest = Json(MediaTypes.OciManifest, new JsonObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = MediaTypes.OciManifest,
            ["config"] = config.Describe(),
            ["layers"] = new JsonArray(root.Describe(), greeting.Describe()),
        });
        JsonObject named = manifest.Describe();
        named["annotations"] = new JsonObject { ["org.opencontainers.image.ref.name"] = Name };
        Blob index = Json(MediaTypes.OciIndex, new JsonObject { ["schemaVersion"] = 2, ["manifests"] = new JsonArray(named) });

        using var tar = new TarWriter(File.Create(archive));
        AddText(tar, "oci-layout", """{"imageLayoutVersion":"1.0.0"}""");
        AddFile(tar, "index.json", index.Bytes);
        foreach (Blob blob in (Blob[])[root, greeting, config, manifest])
            AddFile(tar, $"blobs/sha256/{Digest.Sha256(blob.Bytes).Hex}", blob.Bytes);
    }

    private static Blob Layer(Action<TarWriter> write)
    {
        using var plain = new MemoryStream();
        using (var tar = new TarWriter(plain, leaveOpen: true))
            write(tar);
        using var compressed = new MemoryStream();
        using (var gzip = new GZipStream(compressed, CompressionLevel.Fastest, leaveOpen: true))
            gzip.Write(plain.GetBuffer().AsSpan(0, (int)plain.Length));
        return new Blob(MediaTypes.OciLayerGzip, compressed.ToArray(), Digest.Sha256(plain.GetBuffer().AsSpan(0, (int)plain.Length)).ToString());
    }

    private static Blob Json(string mediaType, JsonObject content) => new(mediaType, Encoding.UTF8.GetBytes(content.ToJsonString()), "");

    private static void AddText(TarWriter tar, string name, string text) => AddFile(tar, name, Encoding.UTF8.GetBytes(text));

    private static void AddFile(TarWriter tar, string name, byte[] bytes) =>
        tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, name) { Mode = (UnixFileMode)0b110_100_100, DataStream = new MemoryStream(bytes) });

    private sealed record Blob(string MediaType, byte[] Bytes, string DiffId)
    {
        public JsonObject Describe() => new()
        {
            ["mediaType"] = MediaType,
            ["digest"] = Digest.Sha256(Bytes).ToString(),
            ["size"] = Bytes.Length,
        };
    }
}
