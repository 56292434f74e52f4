using Containerd.Conformance;

namespace Containerd.Snapshots.Tests;

/// <summary>Layers written here become, when other programs extract them, the trees they were made of.</summary>
[RequiresRoot]
[RequiresProgram("tar")]
[RequiresProgram("bsdtar")]
[RequiresProgram("umoci")]
[RequiresProgram("buildah")]
[RequiresProgram("skopeo")]
public sealed class DifferCrossToolTests
{
    private const string MakeTree = """
        mkdir -p from/dir/sub from/empty from/sticky from/gone/deep
        cd from
        printf hello > file; printf 'x%.0s' {1..100000} > dir/big; : > dir/sub/nothing; : > gone/deep/f; : > later
        ln file dir/hard; ln -s ../file dir/soft; ln -s /nowhere/$(printf 'n%.0s' {1..150}) long-target
        touch "dir/$(printf 'l%.0s' {1..180})" $'odd\nname' $'bad\xff\xfebytes' 'space and "quotes"'
        mkdir -p $(printf 'p%.0s' {1..140})/$(printf 'q%.0s' {1..99}); : > $(printf 'p%.0s' {1..140})/$(printf 'q%.0s' {1..99})/r
        mkfifo fifo; mknod null c 1 3; mknod disk b 7 300
        chown 1234:2345 file; chown -h 77:88 dir/soft; chown 65534:65534 dir/sub; chown 3000000:3000000000 later
        chmod 4755 dir/big; chmod 2770 dir/sub; chmod 1777 sticky; chmod 0 dir/sub/nothing
        find . -exec touch -h -d '2003-04-05 06:07:08Z' {} +
        """;

    private const string ChangeTree = """
        cp -a from to; cd to
        printf bye > file; rm -r gone; rm fifo later; mkdir later; rm -r empty; printf f > empty; ln dir/big "new name"; chmod 700 sticky; ln dir/sub/nothing again
        find . -exec touch -h -d '2003-04-05 06:07:08Z' {} +; touch -d '2004-05-06 07:08:09Z' file
        """;

    [TestCase("tar --xattrs --xattrs-include='*' --numeric-owner -xpf ../layer.tar")]
    [TestCase("bsdtar --numeric-owner -xpf ../layer.tar")]
    public async Task Extracted_by_other_programs(string extract)
    {
        using var scratch = new LayerScratch();
        Make(scratch);
        await WriteAsync(scratch, [], "from", "layer.tar");
        scratch.Shell($"mkdir theirs; cd theirs; {extract}");
        Assert.That(Describe(scratch, "theirs"), Is.EqualTo(Describe(scratch, "from")));
    }

    // skopeo reads every blob and checks its digest and size against the manifest; umoci and buildah extract, whiteouts and all.
    [Test]
    public async Task Images_of_two_layers()
    {
        using var scratch = new LayerScratch();
        Make(scratch);
        scratch.Shell(ChangeTree);
        await WriteAsync(scratch, [], "from", "base.tar");
        await WriteAsync(scratch, [Mount.Bind(Path.Join(scratch.Root, "from"))], "to", "change.tar");
        scratch.Shell("""
            umoci init --layout image
            umoci new --image image:t
            umoci raw add-layer --image image:t base.tar
            umoci raw add-layer --image image:t change.tar
            umoci unpack --image image:t bundle
            skopeo copy oci:image:t dir:copied
            """);
        Assert.That(Describe(scratch, "bundle/rootfs"), Is.EqualTo(Describe(scratch, "to")));

        const string buildah = "buildah --root $PWD/store --runroot $PWD/run --storage-driver vfs";
        try
        {
            string mounted = scratch.Shell($"container=$({buildah} from oci:image:t); {buildah} mount $container").TrimEnd('\n');
            Assert.That(Describe(scratch, mounted), Is.EqualTo(Describe(scratch, "to")));
        }
        finally
        {
            scratch.Shell($"{buildah} rm --all; {buildah} rmi --all --force");
        }
    }

    private static void Make(LayerScratch scratch)
    {
        scratch.Shell(MakeTree);
        string tree = Path.Join(scratch.Root, "from");
        FileXattr.Set(Path.Join(tree, "dir/big"), "security.capability", Convert.FromHexString("0100000200200000000000000000000000000000"));
        FileXattr.Set(Path.Join(tree, "dir/big"), "user.odd", [10, 0, (byte)'=', 0, 0xFF]);
        FileXattr.Set(Path.Join(tree, "dir"), "user.x", [1]);
    }

    private static async Task WriteAsync(LayerScratch scratch, IReadOnlyList<Mount> lower, string upper, string layer)
    {
        await using FileStream destination = File.Create(Path.Join(scratch.Root, layer));
        await new TarLayerDiffer().DiffAsync(lower, [Mount.Bind(Path.Join(scratch.Root, upper))], destination, new LayerDiffOptions { MediaType = MediaTypes.OciLayer });
    }

    private static string[] Describe(LayerScratch scratch, string tree)
    {
        string path = Path.Combine(scratch.Root, tree);
        return [.. TreeText.Of(path).Split('\n'), .. scratch.Shell($"cd {path}; find . -mindepth 1 -type d -printf '%P %T@\\n' | LC_ALL=C sort").Split('\n')];
    }
}
