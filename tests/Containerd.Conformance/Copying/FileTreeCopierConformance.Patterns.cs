namespace Containerd.Conformance;

public abstract partial class FileTreeCopierConformance
{
    private const string PatternTree = """
        mkdir -p "$source"/{src/{a,b/deep},bin,node_modules/x,docs}; cd "$source"
        touch README.md main.c src/a/{one.c,one.o,two.h} src/b/{three.c,three.o} src/b/deep/{four.c,four.o} bin/tool node_modules/x/index.js docs/{a.md,b.txt}
        """;

    /// <summary>Patterns are those of <c>.dockerignore</c>.</summary>
    [TestCase("", "**/*.o bin node_modules", "README.md docs/ docs/a.md docs/b.txt main.c src/ src/a/ src/a/one.c src/a/two.h src/b/ src/b/deep/ src/b/deep/four.c src/b/three.c")]
    [TestCase("", "* !docs", "docs/ docs/a.md docs/b.txt")]
    [TestCase("", "* !docs !docs/*.txt docs/a*", "docs/ docs/b.txt")]
    [TestCase("", "** !**/*.md", "README.md docs/ docs/a.md")]
    [TestCase("", "src docs/ /bin ./node_modules *.md", "main.c")]
    [TestCase("src/b", "", "src/ src/b/ src/b/deep/ src/b/deep/four.c src/b/deep/four.o src/b/three.c src/b/three.o")]
    [TestCase("**/*.c", "", "main.c src/ src/a/ src/a/one.c src/b/ src/b/deep/ src/b/deep/four.c src/b/three.c")]
    [TestCase("**/*.c", "src/b/**", "main.c src/ src/a/ src/a/one.c")]
    [TestCase("**/*.c", "src/b !src/b/deep", "main.c src/ src/a/ src/a/one.c src/b/ src/b/deep/ src/b/deep/four.c")]
    [TestCase("src !src/b", "", "src/ src/a/ src/a/one.c src/a/one.o src/a/two.h")]
    [TestCase("src/?/[a-o]*.[ch]", "", "src/ src/a/ src/a/one.c")]
    [TestCase("nothing/**", "", "")]
    public async Task PatternsSelect(string include, string exclude, string expected)
    {
        Shell(PatternTree);
        await CopyAsync(new FileTreeCopyOptions
        {
            Include = include.Split(' ', StringSplitOptions.RemoveEmptyEntries),
            Exclude = exclude.Split(' ', StringSplitOptions.RemoveEmptyEntries),
        });
        Assert.That(Paths(), Is.EqualTo(expected));
    }

    /// <summary>A directory that is made for what is in it is made as it is.</summary>
    [Test]
    public async Task ParentsOfWhatIsIncludedAreCopied()
    {
        Shell("mkdir -p \"$source\"/a/b/c; touch \"$source\"/a/b/c/{in,out}; chmod 1751 \"$source/a/b\"; chown 3:4 \"$source/a\" \"$source/a/b\"; touch -d @7.25 \"$source\"/a{/b/c,/b,}");
        FileTreeCopyProgress totals = await CopyAsync(new FileTreeCopyOptions { Include = ["a/b/c/in"] });
        Assert.That(totals.Entries, Is.EqualTo(4));
        Assert.That(
            Shell("cd \"$destination\"; stat -c '%n %a %u:%g %.2Y' a a/b a/b/c"), Is.EqualTo("a 755 3:4 7.25\na/b 1751 3:4 7.25\na/b/c 755 0:0 7.25\n"));
    }

    /// <summary>What the patterns leave out is not removed from a mirror; what they select is, wherever it lies.</summary>
    [Test]
    public async Task AMirrorKeepsWhatPatternsLeaveOut()
    {
        Shell("""
            mkdir -p "$source"/{both,unselected} "$destination"/{both,gone,unselected,only/here,only/there}; cd "$destination"
            touch "$source/both/kept.c" both/{old.c,old.log} gone/x.c unselected/{old.c,old.log} only/here/{x.c,x.log} only/there/x.log top.c top.log
            """);
        await CopyAsync(new FileTreeCopyOptions { Mirror = true, Include = ["**/*.c", "gone"], Exclude = ["**/*.log"] });
        Assert.That(
            Paths(),
            Is.EqualTo("both/ both/kept.c both/old.log only/ only/here/ only/here/x.log only/there/ only/there/x.log top.log unselected/ unselected/old.log"));
    }

    /// <summary>What patterns leave out is not even looked at.</summary>
    [Test, RequiresFileSystem("tmpfs"), RequiresProgram("mount")]
    public async Task WhatIsExcludedNeedNotBePartOfTheTree()
    {
        Shell("mkdir \"$source/mnt\"; touch \"$source/file\"; mount -t tmpfs none \"$source/mnt\"; touch \"$source/mnt/other\"");
        CopyFails(ErrorKind.FailedPrecondition);
        await CopyAsync(new FileTreeCopyOptions { Exclude = ["mnt"] });
        Assert.That(Paths(), Is.EqualTo("file"));
    }

    /// <summary>A pattern that means nothing is the caller's mistake.</summary>
    [TestCase("[")]
    [TestCase("a[]")]
    [TestCase("!")]
    [TestCase("a\\")]
    public void MalformedPatternsAreRefused(string pattern)
    {
        Assert.That(() => CopyAsync(new FileTreeCopyOptions { Include = [pattern] }), Throws.InstanceOf<ArgumentException>());
        Assert.That(() => CopyAsync(new FileTreeCopyOptions { Exclude = [pattern] }), Throws.InstanceOf<ArgumentException>());
    }
}
