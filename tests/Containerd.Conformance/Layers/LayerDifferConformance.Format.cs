using System.Text;

namespace Containerd.Conformance;

public abstract partial class LayerDifferConformance
{
    private static readonly byte[] Capability = Convert.FromHexString("0100000200200000000000000000000000000000"); // cap_net_raw+ep, version 2

    /// <summary>The layer is what the result says, twice the same, and progress has counted all of it.</summary>
    [Test]
    public async Task ResultsAndDeterminism()
    {
        MakeTrees("mkdir d; : > d/gone", "rm d/gone; head -c 3000000 /dev/urandom > d/big; printf x > d/f; ln d/f l", tree =>
        {
            FileXattr.Set(Path.Join(tree, "l"), "user.b", [1]);
            FileXattr.Set(Path.Join(tree, "l"), "user.a", [2]);
        });
        (byte[] first, LayerDiffResult result) = await DiffAsync();
        (byte[] second, _) = await DiffAsync();
        var progress = new LastValue();
        await CreateDiffer().DiffAsync(Lower, Upper, Stream.Null, Uncompressed, progress);
        Assert.Multiple(() =>
        {
            Assert.That(second, Is.EqualTo(first));
            Assert.That(result.DiffId, Is.EqualTo(Digest.Sha256(first)));
            Assert.That(result.UncompressedSize, Is.EqualTo(first.Length));
            Assert.That(result.Layer.Digest, Is.EqualTo(result.DiffId));
            Assert.That(result.Layer.Size, Is.EqualTo(first.Length));
            Assert.That(result.Layer.MediaType, Is.EqualTo(MediaTypes.OciLayer));
            Assert.That(progress.Value, Is.EqualTo(first.Length));
        });
    }

    /// <summary>No change is the empty archive, which has the same digest everywhere.</summary>
    [Test]
    public async Task NoChange()
    {
        MakeTrees("mkdir d; : > d/f", "true");
        (byte[] layer, LayerDiffResult result) = await DiffAsync();
        Assert.That(layer, Is.EqualTo(new byte[1024]));
        Assert.That(result.DiffId.Hex, Is.EqualTo("5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"));
    }

    /// <summary>Owners, modes and times come as they are, the latter in whole seconds; numbers that ustar cannot hold too.</summary>
    [Test]
    public async Task Headers()
    {
        IReadOnlyList<LayerEntry> entries = await EntriesAsync(
            "true",
            """
            : > a; chown 3000000000:2097152 a; chmod 4711 a; touch -d '2003-04-05 06:07:08.999999999Z' a
            : > b; chown 2097151:7 b; chmod 0 b; touch -d @-86400.5 b
            mkdir c; chmod 3777 c; touch -d @8589934592 c
            mknod d c 4095 1048575; ln -s x e; chown -h 5:6 e
            """);
        Assert.Multiple(() =>
        {
            Assert.That(entries.Select(entry => entry.Name), Is.EqualTo((string[])["a", "b", "c/", "d", "e"]));
            Assert.That(entries[0], Is.EqualTo(entries[0] with { Mode = 0x9C9, Uid = 3_000_000_000, Gid = 2_097_152, ModifyTime = "1049522828" }));
            Assert.That(entries[0].Pax, Is.EqualTo((string[])["gid=2097152", "uid=3000000000"]));
            Assert.That(entries[1], Is.EqualTo(entries[1] with { Mode = 0, Uid = 2_097_151, Gid = 7, ModifyTime = "-86401" }));
            Assert.That(entries[1].Pax, Is.EqualTo((string[])["mtime=-86401"]));
            Assert.That(entries[2], Is.EqualTo(entries[2] with { Mode = 0x7FF, ModifyTime = "8589934592" }));
            Assert.That(entries[3], Is.EqualTo(entries[3] with { Type = '3', Device = "4095:1048575", Pax = entries[3].Pax }));
            Assert.That(entries[3].Pax, Is.Empty);
            Assert.That(entries[4], Is.EqualTo(entries[4] with { Uid = 5, Gid = 6, Mode = 0x1FF }));
        });
    }

    /// <summary>Names are bytes, and as long as the kernel takes them; those of links too.</summary>
    [Test]
    public async Task Names()
    {
        string longest = new('n', 250);
        string deep = string.Join('/', Enumerable.Repeat(new string('d', 200), 15));
        string[] names = await NamesAsync(
            "true",
            $$"""
            printf 1 > $'odd\n\xff\xfe\x01"'; printf 2 > {{longest}}; printf 3 > $'\xc3\xa9'
            mkdir -p {{deep}}; printf 4 > {{deep}}/f; ln {{deep}}/f hard; ln -s {{deep}} soft
            """);
        Assert.That(names[^7..], Is.EqualTo((string[])[deep + "/", deep + "/f=4", $"hard=>{deep}/f", longest + "=2", "odd\n\u00ff\u00fe\u0001\"=1", "soft->" + deep, "\u00c3\u00a9=3"]));
    }

    /// <summary>Every name of a length fits somewhere: in the header, split over its two fields, or in a record.</summary>
    [Test]
    public async Task NamesOfEveryLength()
    {
        string[] names =
        [
            .. Enumerable.Range(0, 120).Select(i => $"{new string('a', 90)}/{new string('b', i + 1)}"),
            .. Enumerable.Range(0, 20).Select(i => $"{new string('c', 150)}/{new string('d', 90 + i)}"),
            .. Enumerable.Range(0, 20).Select(i => $"{new string('e', 145 + i)}/{new string('f', 100)}"),
        ];
        await File.WriteAllLinesAsync(Place("names"), names);
        string[] found = await NamesAsync("true", $"while read -r name; do mkdir -p ${{name%/*}}; : > $name; mkdir $name.d; done < {Place("names")}");
        Assert.That(found.Where(name => name.EndsWith('=')), Is.EquivalentTo(names.Select(name => name + "=")));
        Assert.That(found.Where(name => name.EndsWith(".d/", StringComparison.Ordinal)), Is.EquivalentTo(names.Select(name => name + ".d/")));
    }

    /// <summary>Of the attributes those that layers may have, in the order of their names, values as the bytes they are.</summary>
    [Test]
    public async Task ExtendedAttributesAreBytes()
    {
        IReadOnlyList<LayerEntry> entries = await EntriesAsync("mkdir d", "printf x > d/f", tree =>
        {
            string file = Path.Join(tree, "d/f");
            FileXattr.Set(file, "user.z", [10, 0, 0xFF, (byte)'=']);
            FileXattr.Set(file, "user.a", []);
            FileXattr.Set(file, "trusted.x", [1]);
            FileXattr.Set(file, "security.capability", Capability);
            if (Form == LayerTreeForm.Bind)
                FileXattr.Set(file, "user.overlay.opaque", [(byte)'y']);
        });
        string capability = Encoding.Latin1.GetString(Capability);
        Assert.That(entries[^1].Pax, Is.EqualTo((string[])[$"SCHILY.xattr.security.capability={capability}", "SCHILY.xattr.user.a=", "SCHILY.xattr.user.z=\n\0\u00ff="]));
        Assert.That(entries[0].Pax, Is.Empty, "the parent's");
    }

    /// <summary>Times later than the source date are the source date; whiteouts stay in 1970 (A-20).</summary>
    [Test]
    public async Task SourceDate()
    {
        MakeTrees("mkdir d; : > d/gone", "rm d/gone; : > d/new; : > d/old; touch -d @999999999 d/old; touch -d @1000000001 d");
        (byte[] layer, _) = await DiffAsync(Uncompressed with { SourceDate = DateTimeOffset.FromUnixTimeMilliseconds(1_000_000_000_900) });
        Assert.That(LayerEntry.ReadAll(layer).Select(entry => $"{entry} {entry.ModifyTime}"), Is.EqualTo((string[])["d/ 1000000000", "-d/gone 0", "d/new= 1000000000", "d/old= 999999999"]));
    }

    /// <summary>Without a tree before, the layer is the whole of the tree after.</summary>
    [Test]
    public async Task WholeTrees()
    {
        MakeTrees("mkdir d; printf low > d/low; : > gone", "printf up > d/up; rm gone");
        using var destination = new MemoryStream();
        await CreateDiffer().DiffAsync([], Upper, destination, Uncompressed);
        Assert.That(
            LayerEntry.ReadAll(destination.ToArray()).Select(entry => entry.ToString()).Where(name => name != ".aside/"),
            Is.EqualTo((string[])["d/", "d/low=low", "d/up=up"]));
    }
}
