using System.Text.Json;
using Containerd.Conformance;

namespace Containerd.Snapshots.Tests;

/// <summary>Layers of images that umoci and buildah made, and as skopeo copies them, become the trees that those programs unpack.</summary>
[RequiresRoot]
[RequiresProgram("umoci")]
[RequiresProgram("buildah")]
[RequiresProgram("skopeo")]
public sealed class CrossToolImageTests
{
    private const string FirstLayer = """
        mkdir -p dir/sub gone kept/deep emptied/in; printf one > dir/one; printf x > gone/file; printf y > kept/deep/file; printf z > emptied/in/z; printf plain > plain
        ln plain dir/hard; ln -s ../plain dir/soft; mkfifo fifo; mknod null c 1 3; touch $'odd\nname' "$(printf 'l%.0s' {1..180})"
        chown 1234:2345 plain; chown -h 77:88 dir/soft; chmod 4755 dir/one; chmod 1777 kept; chmod 2750 dir/sub
        truncate -s 2M sparse; printf end >> sparse
        touch -d '2003-04-05 06:07:08' plain dir/one; touch -h -d '2001-01-01' dir/soft; touch -d '1999-12-31 23:59:59' kept/deep
        """;

    // What it removes, replaces and changes; a link to a file of the layer beneath.
    private const string SecondLayer = """
        rm -r gone emptied/in dir/one; printf two > kept/deep/two; rm -r dir/sub; printf file > dir/sub; rm plain; mkdir plain; printf in > plain/in
        ln dir/hard linked; rm fifo; ln -s kept fifo; chmod 700 kept; chown 5:6 kept/deep/file
        """;

    /// <summary>Unpacked by umoci; and the same layers after skopeo has copied them, plain and compressed anew.</summary>
    [Test]
    public async Task ImagesOfUmoci([Values("oci:umoci:tag", "dir:copied", "dir:zstd")] string form)
    {
        using var scratch = new LayerScratch();
        scratch.Shell($"""
            export LC_ALL=C
            umoci init --layout umoci; umoci new --image umoci:tag; umoci unpack --image umoci:tag first > /dev/null 2>&1
            (cd first/rootfs; {FirstLayer})
            umoci repack --image umoci:tag first > /dev/null 2>&1; umoci unpack --image umoci:tag second > /dev/null 2>&1
            (cd second/rootfs; {SecondLayer})
            umoci repack --image umoci:tag second > /dev/null 2>&1; umoci unpack --image umoci:tag theirs > /dev/null 2>&1
            skopeo --insecure-policy copy -q oci:umoci:tag dir:copied
            skopeo --insecure-policy copy -q --dest-compress --dest-compress-format zstd oci:umoci:tag dir:zstd
            """);
        await ApplyImageAsync(scratch, form);
        // umoci keeps the times of directories and whole seconds, as its layers do.
        AreEqual(scratch, Path.Join(scratch.Root, "theirs/rootfs"));
    }

    /// <summary>Committed by buildah, layer by layer, as its own storage has unpacked it.</summary>
    [Test]
    public async Task ImagesOfBuildah()
    {
        using var scratch = new LayerScratch();
        scratch.Shell($$"""
            export LC_ALL=C
            b() { buildah --root "$PWD/storage" --runroot "$PWD/run" --storage-driver vfs "$@"; }
            c=$(b from scratch); m=$(b mount $c); (cd $m; {{FirstLayer}})
            b commit -q --disable-compression=false $c first > /dev/null
            c=$(b from --pull-never localhost/first); m=$(b mount $c); (cd $m; {{SecondLayer}})
            b commit -q $c oci:buildah:tag > /dev/null; b commit -q $c last > /dev/null
            c=$(b from --pull-never localhost/last); m=$(b mount $c); cp -a $m theirs
            b umount -a > /dev/null; b rm -a > /dev/null
            """);
        await ApplyImageAsync(scratch, "oci:buildah:tag");
        AreEqual(scratch, Path.Join(scratch.Root, "theirs"));
    }

    private static void AreEqual(LayerScratch scratch, string theirs)
    {
        // Without the root, which no entry describes (A-1).
        static IEnumerable<string> Files(string root) => TreeSnapshot.Describe(root, withAccessTimes: false).Where(line => line[0] != ' ' && !line.StartsWith("./ ", StringComparison.Ordinal));
        Assert.That(Files(scratch.Tree), Is.EqualTo(Files(theirs)));
        Assert.That(TreeFile.ReadAll(scratch.Tree).Select(file => file.ToString()), Has.Member("linked=plain").And.Member("plain/in=in").And.Member("fifo->kept").And.No.Member("gone/"));
    }

    private static async Task ApplyImageAsync(LayerScratch scratch, string image)
    {
        string[] parts = image.Split(':');
        string directory = Path.Join(scratch.Root, parts[1]);
        Func<string, string> blob = parts[0] == "dir"
            ? digest => Path.Join(directory, digest["sha256:".Length..])
            : digest => Path.Join(directory, "blobs/sha256", digest["sha256:".Length..]);
        string manifest = parts[0] == "dir" ? Path.Join(directory, "manifest.json") : blob(Json(Path.Join(directory, "index.json")).GetProperty("manifests")[0].GetProperty("digest").GetString()!);
        JsonElement layers = Json(manifest).GetProperty("layers");
        JsonElement diffIds = Json(blob(Json(manifest).GetProperty("config").GetProperty("digest").GetString()!)).GetProperty("rootfs").GetProperty("diff_ids");
        Assert.That(layers.GetArrayLength(), Is.EqualTo(2));
        for (int i = 0; i < layers.GetArrayLength(); i++)
        {
            await using FileStream layer = File.OpenRead(blob(layers[i].GetProperty("digest").GetString()!));
            LayerApplyResult result = await scratch.ApplyAsync(layer);
            Assert.That(result.DiffId.ToString(), Is.EqualTo(diffIds[i].GetString()));
        }
    }

    private static JsonElement Json(string file) => JsonDocument.Parse(File.ReadAllBytes(file)).RootElement;
}
