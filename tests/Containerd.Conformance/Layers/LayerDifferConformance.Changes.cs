namespace Containerd.Conformance;

public abstract partial class LayerDifferConformance
{
    /// <summary>Everything that is new is in the layer, parents first, in the order of names' bytes .</summary>
    [Test]
    public async Task Additions() => Assert.That(
        await NamesAsync(
            "mkdir -p d/e; printf low > d/low",
            "printf up > d/up; mkdir d/new; printf x > d/new/x; ln -s up d/soft; mkfifo d/e/fifo; mknod d/e/null c 1 3; mknod d/e/disk b 7 300; : > d.txt; : > a"),
        Is.EqualTo((string[])["a=", "d/", "d/e/", "b:d/e/disk", "p:d/e/fifo", "c:d/e/null", "d/new/", "d/new/x=x", "d/soft->up", "d/up=up", "d.txt="]));

    /// <summary>What was touched but is as it was is not in the layer, nor is a directory in which only such things are .</summary>
    [Test]
    public async Task WhatIsAsItWasIsLeftOut() => Assert.That(
        await NamesAsync(
            "mkdir -p d/e; printf low > d/e/f; ln -s f d/e/l; mkfifo d/p; touch -h -d @1000000000 d/e/f d/e/l",
            "chmod 600 d/e/f; chmod 644 d/e/f; chown 1 d/p d/e; chown 0 d/p d/e; rm d/e/l; ln -s f d/e/l; touch -h -d @1000000000 d/e/l; touch d"),
        Is.Empty);

    /// <summary>Each attribute that a layer keeps counts.</summary>
    /// <param name="change">What is done to a file, then to a directory.</param>
    [TestCase("chmod u+s,g-r")]
    [TestCase("chown 7")]
    [TestCase("chgrp 7")]
    public async Task Attributes(string change)
    {
        Assert.That(await NamesAsync("mkdir d; printf x > d/f", $"{change} d/f"), Is.EqualTo((string[])["d/", "d/f=x"]));
        RemoveScratch();
        MakeScratch();
        Assert.That(await NamesAsync("mkdir d; printf x > d/f", $"{change} d"), Is.EqualTo((string[])["d/"]));
    }

    /// <summary>So does each extended attribute, set, changed or removed.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="before">What it was before, as hex digits; null for not there.</param>
    /// <param name="after">What it was changed to.</param>
    [TestCase("user.x", "01", "02")]
    [TestCase("user.x", "01", null)]
    [TestCase("user.x", null, "")]
    [TestCase("system.posix_acl_access", null, "0200000001000600ffffffff02000400d204000004000400ffffffff10000400ffffffff20000400ffffffff")]
    public async Task ExtendedAttributes(string name, string? before, string? after)
    {
        foreach (string file in (string[])["d/f", "d"])
        {
            string[] found = await NamesAsync(
                "mkdir d; printf x > d/f; chmod 644 d d/f",
                "true",
                tree => FileXattr.Set(Path.Join(tree, file), name, after is null ? null : Convert.FromHexString(after)),
                tree =>
                {
                    if (before is not null)
                        FileXattr.Set(Path.Join(tree, file), name, Convert.FromHexString(before));
                });
            Assert.That(found, Is.EqualTo(file == "d" ? ["d/"] : (string[])["d/", "d/f=x"]));
            RemoveScratch();
            MakeScratch();
        }
    }

    /// <summary>Capabilities, times of files and targets of links count too.</summary>
    [Test]
    public async Task AttributesOfFiles() => Assert.That(
        await NamesAsync(
            ": > cap; : > time; ln -s a link; mknod null c 1 3; touch -h -d @1000000000 link null",
            """
            touch -d @1000000000 time
            rm link null; ln -s b link; mknod null c 1 5; touch -h -d @1000000000 link null
            """,
            tree => FileXattr.Set(Path.Join(tree, "cap"), "security.capability", Capability)),
        Is.EqualTo((string[])["cap=", "link->b", "c:null", "time="]));

    /// <summary>Where times are in whole seconds, and the same, the content decides .</summary>
    [Test]
    public async Task AmbiguousTimes() => Assert.That(
        await NamesAsync(
            "printf a > changed; printf a > same; head -c 300000 /dev/zero > big; touch -d @1000000000 *",
            "printf b > changed; rm same; printf a > same; printf x | dd of=big bs=1 seek=299999 conv=notrunc status=none; truncate -s 300000 big; touch -d @1000000000 *"),
        Has.Length.EqualTo(2).And.Contains("changed=b").And.None.StartsWith("same"));

    /// <summary>What is gone is one whiteout, a whole directory too; it is an empty file of the year 1970.</summary>
    [Test]
    public async Task Removals()
    {
        IReadOnlyList<LayerEntry> entries = await EntriesAsync("mkdir -p d/e/f g; : > d/x; : > d/e/f/y; ln -s x d/s; : > top", "rm -r d/e d/s d/x top; rmdir g");
        Assert.That(entries.Select(entry => entry.ToString()), Is.EqualTo((string[])["d/", "-d/e", "-d/s", "-d/x", "-g", "-top"]));
        Assert.That(entries.Skip(1), Has.All.Matches<LayerEntry>(entry => entry is { Type: '0', ModifyTime: "0", Content: "", Uid: 0, Gid: 0, Pax: [] }));
    }

    /// <summary>What takes the place of something of another type needs no whiteout.</summary>
    [Test]
    public async Task Replacements() => Assert.That(
        await NamesAsync("mkdir -p d/sub e; : > f; ln -s d l", "rm -r d; printf 1 > d; rm f l; mkdir -p f/g l; rmdir e; ln -s d e"),
        Is.EqualTo((string[])["d=1", "e->d", "f/", "f/g/", "l/"]));

    /// <summary>A directory that was removed and made anew has nothing of the former in it.</summary>
    [Test]
    public async Task DirectoriesMadeAnew() => Assert.That(
        await NamesAsync("mkdir d; : > d/a; : > d/b", "rm -r d; mkdir d; : > d/c"),
        Is.EqualTo((string[])["d/", "-d/*", "d/c="]).Or.EqualTo((string[])["d/", "-d/a", "-d/b", "d/c="]));

    /// <summary>The first name of a file has its data, the others are links to it; special files as well.</summary>
    [Test]
    public async Task HardLinks() => Assert.That(
        await NamesAsync("mkdir d", "printf x > d/b; ln d/b a; ln d/b d/c; ln -s t s; ln s d/s; mkfifo p; ln p d/p"),
        Is.EqualTo((string[])["a=x", "d/", "d/b=>a", "d/c=>a", "p:d/p", "d/s->t", "p=>d/p", "s=>d/s"]));

    /// <summary>A new name of an unchanged file: the old names become links to it, or the file would be two .</summary>
    [Test]
    public async Task NewNamesOfUnchangedFiles() => Assert.That(
        await NamesAsync("mkdir d; printf x > d/b; printf y > z; touch -d @1000000000 d/b z", "ln d/b m; ln z e"),
        Is.EqualTo((string[])["e=y", "m=x", "d/", "d/b=>m", "z=>e"]));

    /// <summary>Names that were one file and are none any more.</summary>
    [Test]
    public async Task NamesThatWereOneFile() => Assert.That(
        await NamesAsync("printf x > a; ln a b; touch -d @1000000000 a", "cp -p b c; mv c b"), Is.EqualTo((string[])["b=x"]));

    /// <summary>Names of equal files that became one.</summary>
    [Test]
    public async Task NamesThatBecameOneFile() => Assert.That(
        await NamesAsync("printf x > a; printf x > b; touch -d @1000000000 a b", "ln -f a b"), Is.EqualTo((string[])["b=x", "a=>b"]));

    /// <summary>Sockets are left out; one in the place of something else removes that.</summary>
    [Test]
    public async Task Sockets()
    {
        MakeTrees(": > gone", "rm gone", tree =>
        {
            foreach (string name in (string[])["gone", "new"])
            {
                using var socket = new System.Net.Sockets.Socket(System.Net.Sockets.AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Unspecified);
                socket.Bind(new System.Net.Sockets.UnixDomainSocketEndPoint(Path.Join(tree, name + "!")));
                File.Move(Path.Join(tree, name + "!"), Path.Join(tree, name)); // closing removes the name that was bound
            }
        });
        Assert.That(LayerEntry.ReadAll((await DiffAsync()).Layer).Select(entry => entry.ToString()), Is.EqualTo((string[])["-gone"]));
    }

    /// <summary>A name that a layer would take for a whiteout is refused, a directory's too; unchanged, or removed, it is no matter.</summary>
    [Test]
    public async Task NamesOfWhiteouts()
    {
        Assert.That(await NamesAsync(": > .wh.kept; : > .wh.gone", "rm .wh.gone; : > x"), Is.EqualTo((string[])["-.wh.gone", "x="]));
        Refuses(ErrorKind.InvalidArgument, ": > d", "rm d; mkdir d; : > d/.wh.x");
        RemoveScratch();
        MakeScratch();
        Refuses(ErrorKind.InvalidArgument, ": > .wh..opq", "rm .wh..opq");
    }
}
