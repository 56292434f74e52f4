using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;

namespace Containerd.Integration.Fixtures;

/// <summary>A real registry on loopback that holds images which umoci built of a real Debian tree and skopeo pushed. Made once for all tests.</summary>
internal sealed class DebianImage
{
    private static readonly Lazy<Task<DebianImage>> Instance = new(MakeAsync);

    /// <summary>The registry's host and port.</summary>
    public required string Registry { get; init; }

    /// <summary>Three gzip layers: the tree, one that adds to it, one that changes, removes and adds.</summary>
    public string ByTag => $"{Registry}/debian:test";

    public required string ByDigest { get; init; }

    /// <summary>An index with the image for this machine's platform and one for s390x.</summary>
    public string MultiPlatform => $"{Registry}/debian:multi";

    /// <summary>An image for s390x only.</summary>
    public string OtherPlatform => $"{Registry}/debian:s390x";

    /// <summary>An image one of whose layers has a byte changed in the registry's storage.</summary>
    public string Damaged => $"{Registry}/damaged:test";

    public required Digest DamagedLayer { get; init; }

    /// <summary>The same image as <see cref="ByTag"/>, as an OCI archive that skopeo wrote.</summary>
    public required string Archive { get; init; }

    public static Task<DebianImage> GetAsync() => Instance.Value;

    private static async Task<DebianImage> MakeAsync()
    {
        string tree = Path.Join(Repository.Path, "artifacts", "cache", "debian.tar");
        await Shell.RunAsync(Path.Join(Repository.Path, "eng", "debian-tree.sh"), tree);

        string scratch = Directory.CreateDirectory(Path.Join(SharedResources.Directory, "debian-image")).FullName;
        string layout = Path.Join(scratch, "layout");
        string first = await MakeLayerAsync(scratch, "first", """
            mkdir srv && echo first > srv/changed && echo 'dropped by the third layer' > srv/removed
            """);
        string second = await MakeLayerAsync(scratch, "second", """
            mkdir srv && echo second > srv/changed && touch srv/.wh.removed && ln -s /srv/changed srv/link &&
            echo owned > srv/owned && chown 1234:5678 srv/owned && chmod 4750 srv/owned
            """);
        string small = await MakeLayerAsync(scratch, "small", "head -c 100000 /dev/urandom > noise");

        await Shell.RunAsync("umoci", "init", "--layout", layout);
        await BuildAsync("test", Platform.Current.Architecture, tree, first, second);
        await BuildAsync("s390x", "s390x", first);
        await BuildAsync("damaged", Platform.Current.Architecture, small);

        LoopbackRegistry registry = await LoopbackRegistry.StartAsync();
        byte[] test = await PushAsync("test", "debian:test");
        byte[] other = await PushAsync("s390x", "debian:s390x");
        byte[] damaged = await PushAsync("damaged", "damaged:test");
        await PutIndexAsync(registry.Host, (Platform.Current, test), (Platform.Parse("linux/s390x"), other));

        string archive = Path.Join(scratch, "image.tar");
        await Shell.RunAsync("skopeo", "copy", "--quiet", $"oci:{layout}:test", $"oci-archive:{archive}");

        Digest damagedLayer = Digest.Parse(JsonNode.Parse(damaged)!["layers"]![0]!["digest"]!.GetValue<string>());
        registry.ChangeOneByte(damagedLayer);
        return new DebianImage
        {
            Registry = registry.Host,
            ByDigest = $"{registry.Host}/debian@{Digest.Sha256(test)}",
            DamagedLayer = damagedLayer,
            Archive = archive,
        };

        async Task BuildAsync(string tag, string architecture, params string[] layers)
        {
            await Shell.RunAsync("umoci", "new", "--image", $"{layout}:{tag}");
            foreach (string layer in layers)
                await Shell.RunAsync("umoci", "raw", "add-layer", "--image", $"{layout}:{tag}", layer);
            await Shell.RunAsync(
                "umoci", "config", "--image", $"{layout}:{tag}", "--architecture", architecture,
                "--config.env", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "--config.cmd", "/bin/sh");
        }

        async Task<byte[]> PushAsync(string tag, string name)
        {
            await Shell.RunAsync("skopeo", "copy", "--quiet", "--dest-tls-verify=false", $"oci:{layout}:{tag}", $"docker://{registry.Host}/{name}");
            return Encoding.UTF8.GetBytes(await Shell.RunAsync("skopeo", "inspect", "--raw", "--tls-verify=false", $"docker://{registry.Host}/{name}"));
        }
    }

    private static async Task<string> MakeLayerAsync(string scratch, string name, string script)
    {
        string directory = Directory.CreateDirectory(Path.Join(scratch, name)).FullName;
        await Shell.RunAsync("/bin/sh", "-ec", $"cd '{directory}'\n{script.Trim()}");
        string archive = $"{directory}.tar";
        await Shell.RunAsync("tar", "--create", "--numeric-owner", $"--directory={directory}", $"--file={archive}", ".");
        return archive;
    }

    private static async Task PutIndexAsync(string registry, params (Platform Platform, byte[] Manifest)[] images)
    {
        var index = new JsonObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = MediaTypes.OciIndex,
            ["manifests"] = new JsonArray([.. images.Select(image => new JsonObject
            {
                ["mediaType"] = MediaTypes.OciManifest,
                ["digest"] = Digest.Sha256(image.Manifest).ToString(),
                ["size"] = image.Manifest.Length,
                ["platform"] = new JsonObject { ["os"] = image.Platform.Os, ["architecture"] = image.Platform.Architecture },
            })]),
        };
        using var http = new HttpClient();
        using var content = new StringContent(index.ToJsonString());
        content.Headers.ContentType = new MediaTypeHeaderValue(MediaTypes.OciIndex);
        using HttpResponseMessage response = await http.PutAsync(new Uri($"http://{registry}/v2/debian/manifests/multi"), content);
        response.EnsureSuccessStatusCode();
    }
}
